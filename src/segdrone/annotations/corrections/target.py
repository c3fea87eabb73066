"""The dataset that corrections are taken into: its photographs, and where their masks are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from segdrone.annotations.image_folder import ImageFolder
from segdrone.annotations.photographs import annotated_split, check_digest, is_changed
from segdrone.annotations.shapes import AnnotatedImage
from segdrone.annotations.sources import Source
from segdrone.data.dataset_folder import DatasetFolder
from segdrone.data.discovery.mask_names import stem
from segdrone.data.discovery.pairs import ImageMaskPair, build_pair, build_photographs
from segdrone.errors import DataError
from segdrone.raster.encode_like import check_format
from segdrone.raster.header import read_size
from segdrone.utils.digest import file_digest


class TargetMask(NamedTuple):
    """Where the mask of a photograph is, or will be.

    Attributes:
        pair: The photograph, and its mask if it has one.
        path: The mask.
        like: A mask whose form it has: itself, or another one of its folder.
    """

    pair: ImageMaskPair
    path: Path
    like: Path


class TargetDataset:
    """A dataset to take corrections into.

    Args:
        dataset: The dataset.
        images: Folder of the photographs that were annotated, which are matched by content; None takes those of the
            dataset, which are matched by path and name.

    Attributes:
        doubtful: Photographs that were found by their names alone, with the paths in the annotations.
        changed: Photographs of another number of bytes than when they were annotated.
    """

    def __init__(self, dataset: DatasetFolder, images: Path | None) -> None:
        self.dataset, self.root = dataset, dataset.root
        files = dataset.files
        self._masks = {pair.image: pair.mask for pair in files.pairs}
        self._inside = [path for path in files.photographs if path.is_relative_to(files.images)]
        self._folder = ImageFolder(files.images, files=self._inside) if images is None else ImageFolder(images)
        self._is_other_folder = images is not None
        self.changed: dict[Path, None] = {}

    @property
    def doubtful(self) -> list[tuple[str, Path]]:  # noqa: D102
        return self._folder.doubtful

    def find(self, image: AnnotatedImage, source: Source) -> Path | None:
        """Returns the photograph of the dataset that an annotation was drawn on; None if it has none such.

        Raises:
            DataError: Several could be meant, or it is a photograph of another flight.
        """
        split = annotated_split(image, source)
        found = self._folder.find(image.names, image.where, annotation=image.path, split=split)
        if found is None:
            return None
        check_digest(image, found)
        if is_changed(image, found):
            self.changed[found] = None
        return self._of_same_content(found, image) if self._is_other_folder else self._by_resolved_path[found]

    def missing(self, images: Sequence[AnnotatedImage]) -> DataError:
        """Returns the error for annotations without a photograph in the dataset."""
        names = ", ".join(ascii(image.names[0]) for image in images[:5]) + (" and more" if len(images) > 5 else "")
        text = f"{len(images)} corrected photographs are not in {self.root} ({names}): "
        if self._is_other_folder:
            return DataError(
                f"{text}no photograph there has the content of that in --images {self._folder.root}, or it has none of "
                "this name; import what is new into a dataset of its own"
            )
        return DataError(
            f"{text}renamed in the tool, or of another dataset; give the folder of the photographs that were annotated "
            "with --images, to match them by content, or import what is new into a dataset of its own"
        )

    def target(self, photograph: Path) -> TargetMask:
        """Returns where the mask of a photograph is.

        Raises:
            DataError: It cannot be replaced: it is in another folder by a link, or in a format that is not written; or
                there is none, and nothing tells where it should be; or its size is not that of the photograph.
        """
        name, channels = self.dataset.files.photographs[photograph], self.dataset.config.channels
        mask = self._masks.get(photograph)
        if mask is None:
            (pair,) = build_photographs({name: photograph}, channels)
            path, like = self._new_mask(photograph)
        else:
            pair = build_pair(name, photograph, mask, channels)
            path = like = mask
        self.check_place(path)
        check_format(like)
        return TargetMask(pair, path, like)

    def check_place(self, path: Path) -> None:
        """Checks that a file to replace is in the dataset, and in no folder that a link leads to.

        Raises:
            DataError: It is elsewhere.
        """
        if not path.is_relative_to(self.root):
            raise DataError(
                f"{path} is not in {self.root}, and may be of other datasets: give the folder that holds photographs "
                "and masks with --onto"
            )
        for folder in path.parents:
            if folder == self.root:
                break
            if folder.is_symlink():
                raise DataError(
                    f"{folder} is a link to {folder.resolve()}, where others may use the masks: put a copy in its "
                    "place (cp -rL), or give the dataset that it leads to with --onto"
                )

    @cached_property
    def _by_resolved_path(self) -> dict[Path, Path]:
        base = self.dataset.files.images
        return {self._folder.root / path.relative_to(base): path for path in self._inside}

    @cached_property
    def _by_size(self) -> dict[int, list[Path]]:
        found: defaultdict[int, list[Path]] = defaultdict(list)
        for path in self.dataset.files.photographs:
            found[path.stat().st_size].append(path)
        return found

    def _of_same_content(self, found: Path, image: AnnotatedImage) -> Path | None:
        candidates = self._by_size.get(found.stat().st_size, [])
        same = [path for path in candidates if path.samefile(found)]
        same = same or [path for path in candidates if file_digest(path) == file_digest(found) != ""]
        if len(same) > 1:
            same = [path for path in same if stem(path) == stem(found)] or same
        if len(same) > 1:
            raise DataError(
                f"{image.where} names {found}, whose content {same[0]} and {same[1]} both have: leave out --images, or "
                "remove one of them"
            )
        return same[0] if same else None

    def _new_mask(self, photograph: Path) -> tuple[Path, Path]:
        """Returns the path for the mask of a photograph that has none, and another mask of its folder."""
        files = self.dataset.files
        like = next((pair.mask for pair in files.pairs if pair.image.parent == photograph.parent), None)
        name = files.rule.mask_of(stem(photograph))
        path = None if like is None or name is None else like.parent / f"{name}{like.suffix}"
        if like is None or path is None or path.exists():
            raise DataError(
                f"{photograph} has no mask, and no photograph of its folder tells where it should be: add any mask of "
                "its size"
            )
        return path, like


def check_size(image: AnnotatedImage, pair: ImageMaskPair) -> None:
    """Checks that a photograph has the size that it was annotated at, in either orientation.

    Raises:
        DataError: It has another one.
    """
    size = read_size(pair.image)
    if image.size is not None and image.size not in (size, size[::-1]):
        raise DataError(
            f"{image.where} annotates a photograph of {image.size[1]} x {image.size[0]} pixels, but {pair.image} has "
            f"{size[1]} x {size[0]}: it was resized in the tool; correct it at the size that it has in the dataset"
        )
