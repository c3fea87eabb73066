"""The files of a dataset: each photograph with its mask, group and split, and what is passed over."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segdrone.data.discovery.layout import SPLIT_WORDS, split_of
from segdrone.data.discovery.mask_names import EXACT, NameRule, Place, is_view, stem
from segdrone.errors import shorten_list
from segdrone.raster.file_kind import describe_others

log = logging.getLogger(__name__)

_UNLABELED = "photographs in folders without masks"
_USUAL = "photographs without a mask, as usual in this layout"
_VIEWS = "pictures of masks"
_LONELY = "masks in folders without photographs"

Side = Mapping[Place, Mapping[str, list[Path]]]
"""Photographs or masks by place and name; a name with several files can be in no pair."""


class FilePair(NamedTuple):
    """A photograph and its mask, as `ImageMaskPair` has them, before any header is read."""

    id: str
    image: Path
    mask: Path
    group: str
    split: str | None


@dataclass(frozen=True)
class DatasetFiles:
    """The files of a dataset.

    Attributes:
        root: The dataset's folder.
        layout: Name of the layout; empty if the user gave the folders.
        images: The folder that holds all photographs.
        masks: The folder that holds all masks.
        pairs: Photographs with their masks, sorted by id.
        photographs: Id of each photograph, with and without a mask.
        rule: How the names of masks differ from those of photographs.
        without_mask: Photographs that have no mask although others in their folder have one.
        without_photograph: Masks that have no photograph although others in their folder have one.
        same_name: Files of the same name in one folder, of which only one can be in a pair.
        passed_over: Image files that are not used, by what they are.
        other_files: Files beside them that are no images by their suffix.
        given: Folders or patterns of photographs and masks that the user gave, as absolute paths, that of masks empty
            if there are none; else None.
        split_by: What says the split; empty if nothing does.
        unlisted: Photographs with their masks that are in no list of this split, and therefore not in `pairs`.
        notes: Choices that could be wrong, with the option that decides otherwise.
    """

    root: Path
    layout: str
    images: Path
    masks: Path
    pairs: list[FilePair]
    photographs: dict[Path, str]
    rule: NameRule = EXACT
    without_mask: list[Path] = field(default_factory=list)
    without_photograph: list[Path] = field(default_factory=list)
    same_name: list[list[Path]] = field(default_factory=list)
    passed_over: dict[str, list[Path]] = field(default_factory=dict)
    other_files: list[Path] = field(default_factory=list)
    given: tuple[str, str] | None = None
    split_by: str = ""
    unlisted: list[FilePair] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def mask_folders(self) -> list[list[Path]]:
        """Returns the folders of masks, and then those above them, level by level, up to the root.

        Without a root above them, only the folder above all masks is added.
        """
        levels = [sorted({pair.mask.parent for pair in self.pairs})]
        top = self.root if self.masks.is_relative_to(self.root) else self.masks.parent
        while any(folder != top and top in folder.parents for folder in levels[-1]):
            levels.append(sorted({folder.parent for folder in levels[-1] if top in folder.parents}))
        if not self.layout and self.masks == self.root:  # masks alone: their table may be beside the folder
            levels.append([self.masks.parent])
        return levels

    def places(self) -> tuple[str, str]:
        """Returns where photographs and masks are, in words, such as `images` and `masks named {id}_lab`."""
        words = [self._place(pair.image for pair in self.pairs), self._place(pair.mask for pair in self.pairs)]
        return words[0], words[1] if self.rule == EXACT else f"{words[1]} ({self.rule})"

    def _place(self, files: Iterable[Path]) -> str:
        folders = [*dict.fromkeys(file.parent for file in files)]
        more = f" and {len(folders) - 1} more folders" if len(folders) > 1 else ""
        return f"{os.path.relpath(folders[0], self.root) if self.layout else folders[0]}{more}"

    def tell(self) -> None:
        """Logs in one line what was found and in one what is passed over; warns of choices."""
        if self.layout:
            images, masks = self.places()
            split = f", split by {self.split_by}" if self.split_by else ""
            log.info(
                "%s has the layout %s: %d photographs in %s, masks in %s%s",
                self.root, self.layout, len(self.pairs), images, masks, split,
            )  # fmt: skip
        for note in self.notes:
            log.warning("%s", note)
        unexpected = describe_others(self.other_files)
        passed = [*(self._describe(*item) for item in self.passed_over.items()), *unexpected]
        if rest := [file for file in self.other_files if not describe_others([file])]:
            passed.append(self._describe("other files", rest))
        if passed:
            is_usual = not unexpected and {*self.passed_over} <= {_USUAL, _VIEWS}
            log.log(
                logging.INFO if is_usual else logging.WARNING, "passed over in %s: %s", self.root, "; ".join(passed)
            )

    def _describe(self, what: str, files: Sequence[Path]) -> str:
        return f"{what}: {shorten_list(files, 2, lambda file: os.path.relpath(file, self.root))}"


def pair_files(
    root: Path, layout: str, photographs: Side, masks: Side, rule: NameRule, *, partly_labeled: bool = False
) -> DatasetFiles:
    """Pairs photographs and masks by a rule between their names.

    A folder without any mask, or without any photograph, is passed over; where some files have a partner, those
    without one are listed.

    Args:
        root: The dataset's folder.
        layout: Name of the layout; empty if the user gave the folders.
        photographs: Photographs by place.
        masks: Masks by place.
        rule: The rule, by which at least one photograph has a mask.
        partly_labeled: Whether photographs without a mask are passed over.
    """
    passed: dict[str, list[Path]] = defaultdict(list)
    found: list[tuple[Place, Path, Path]] = []
    without_mask: list[Path] = []
    without_photograph: list[Path] = []
    same_name: list[list[Path]] = []
    for place in dict.fromkeys((*photographs, *masks)):
        images, candidates = photographs.get(place, {}), masks.get(place, {})
        partners = {own: other for own in images if (other := rule.mask_of(own) or "") in candidates}
        if not partners:
            passed[_UNLABELED] += (path for paths in images.values() for path in paths)
            passed[_LONELY] += (path for paths in candidates.values() for path in paths)
            continue
        found += [(place, images[own][0], candidates[other][0]) for own, other in partners.items()]
        same_name += (paths for paths in (*images.values(), *candidates.values()) if len(paths) > 1)
        lonely = passed[_USUAL] if partly_labeled else without_mask
        lonely += (path for name, paths in images.items() if name not in partners for path in paths)
        for name in candidates.keys() - {*partners.values()}:
            (passed[_VIEWS] if is_view(name) else without_photograph).extend(candidates[name])
    ids = _unique_ids(root, {path: place for place, images in photographs.items() for path in chain(*images.values())})
    shared = count_shared([place for place, _, _ in found])
    found = [(place[shared:], image, mask) for place, image, mask in found]
    splits, split_by, notes = _folder_splits([place for place, _, _ in found])
    pairs_found = sorted(
        FilePair(ids[image], image, mask, _group(place, place in splits), splits.get(place))
        for place, image, mask in found
    )
    return DatasetFiles(
        root,
        layout,
        common_folder(pair.image for pair in pairs_found),
        common_folder(pair.mask for pair in pairs_found),
        pairs_found,
        ids,
        rule,
        sorted(without_mask),
        sorted(without_photograph),
        passed_over={what: sorted(files) for what, files in passed.items() if files},
        same_name=same_name,
        split_by=split_by,
        notes=notes,
    )


def unlabeled_files(root: Path, photographs: Sequence[Path]) -> DatasetFiles:
    """Returns photographs of which none has a mask."""
    ids = _unique_ids(root, {image: image.relative_to(root).parent.parts for image in photographs})
    folder = common_folder(photographs)
    return DatasetFiles(root, "", folder, folder, [], ids)


def common_folder(files: Iterable[Path]) -> Path:
    """Returns the deepest folder that holds all files."""
    folders = [*dict.fromkeys(file.parent for file in files)]
    return Path(os.path.commonpath(folders)) if len(folders) > 1 else folders[0]


def _folder_splits(places: Sequence[Place]) -> tuple[dict[Place, str], str, tuple[str, ...]]:
    """Returns the split of each place if the folders are the split, what says so, and a note if only some are."""
    splits = {place: next(filter(None, map(split_of, place)), None) for place in places}
    known = {place: split for place, split in splits.items() if split}
    if len(set(known.values())) > 1 and len(known) == len(splits):
        return known, f"the folders {', '.join(split for split in SPLIT_WORDS if split in known.values())}", ()
    if known and len(known) < len(splits):
        some, others = ("/".join(next(p for p in splits if (p in known) is is_known)) for is_known in (True, False))
        return {}, "", (
            f"folder {some} has the name of a split and folder {others or '.'} has not: the folders are not taken as "
            "the split; list the photographs of each split in the files of data.split_dir=FOLDER",
        )  # fmt: skip
    return {}, "", ()


def _group(place: Place, is_split: bool) -> str:
    return "/".join(part for part in place if not (is_split and split_of(part)))


def _unique_ids(root: Path, places: Mapping[Path, Place]) -> dict[Path, str]:
    """Returns the id of each photograph: its name, after its place or its whole folder if names occur twice."""
    shared = count_shared([*places.values()])
    names = {image: stem(image) for image in places}
    for is_by_place in (True, False):
        if len(set(names.values())) == len(names):
            break
        for image, place in places.items():
            folder = "/".join(place[shared:]) if is_by_place else os.path.relpath(image.parent, root)
            names[image] = PurePosixPath(folder, stem(image)).as_posix()
    return names


def count_shared(places: Sequence[Sequence[str]]) -> int:
    """Returns how many folders all places begin with."""
    return len([*takewhile(lambda parts: len({*parts}) == 1, zip(*places, strict=False))])
