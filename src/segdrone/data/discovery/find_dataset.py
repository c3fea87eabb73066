"""Find the photographs and masks of a dataset: by the folders that the user names, or by its layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path, PurePosixPath

from segdrone.class_files import is_table_name
from segdrone.data.discovery.dataset_files import DatasetFiles, FilePair, pair_files
from segdrone.data.discovery.file_kinds import other_files, say_unreadable
from segdrone.data.discovery.file_patterns import FoundFile, is_pattern, match_files, pattern_base
from segdrone.data.discovery.file_tree import by_folder, image_files, named_folder
from segdrone.data.discovery.layout import LAYOUTS, Layout, Spots
from segdrone.data.discovery.layout_errors import why_no_pairs, why_none, why_several
from segdrone.data.discovery.mask_names import EXACT, Files, Place, find_rule, masks_among, spelled_alike, stem
from segdrone.data.splits.split_lists import apply_lists
from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.synthetic import has_unfinished_scenes
from segdrone.utils.output_dir import check_finished

_AMONG = "masks among the photographs"
_FORMATS = {suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES}
_DEEPER = "photographs in further folders of these names"


def find_dataset(
    root: Path, images: str | None = None, masks: str | None = None, layout: str | None = None
) -> DatasetFiles:
    """Finds the photographs and masks of a dataset.

    Args:
        root: The dataset's folder.
        images: Folder of photographs, below `root` or relative to the working folder, or a pattern with `{id}`.
        masks: Folder or pattern of masks.
        layout: Name of the layout in `LAYOUTS`; None finds it.

    Raises:
        DataError: A folder does not exist, no layout fits, several do, names do not pair, or the command that writes
            the dataset has not finished.
    """
    if layout is not None and layout not in LAYOUTS:
        raise DataError(f"data.layout={layout} is unknown: choose one of {', '.join(LAYOUTS)}")
    if layout is not None and (images is not None or masks is not None):
        raise DataError(f"data.layout={layout} does not go with data.images and data.masks: give one or the other")
    if images is not None and masks is not None:
        return _add_others(_named(root, images, masks))
    if not root.is_dir():
        raise DataError(f"data.root={root} does not exist: give the folder that holds the photographs and masks")
    check_finished(root)
    if has_unfinished_scenes(root):
        raise DataError(f"{root} lacks some of its synthetic scenes: run the command that renders them again")
    if images is not None or masks is not None:
        return _add_others(_complete(root, images, masks))
    fits = find_layouts(root, layout)
    if not fits:
        raise DataError(why_none(root, layout))
    if len(fits) > 1:
        raise DataError(why_several(root, fits))
    return _add_others(fits[0])


def find_layouts(root: Path, name: str | None = None) -> list[DatasetFiles]:
    """Returns the dataset as each layout sees it that fits: one if there is no doubt, none if there is no dataset.

    Layouts without a folder of photographs are tried only if no folder has a known name. Where one layout finds
    masks for most photographs, those that find them for fewer are left out.

    Args:
        root: The dataset's folder.
        name: Try only this layout.

    Raises:
        DataError: Files have the same name, or photographs several masks.
    """
    folders = by_folder(image_files(root))
    for named in (True, False):
        fits: list[DatasetFiles] = []
        for key, layout in LAYOUTS.items():
            if (name is None or key == name) and layout.is_named is named:
                fits += _fits(root, key, layout, folders)
        most = [fit for fit in fits if len(fit.pairs) >= len(fit.without_mask)]
        different = {tuple((p.image, p.mask) for p in fit.pairs): fit for fit in reversed(most or fits)}
        if different and (most or named):
            return [*different.values()][::-1]
    return []


def dataset_photographs(root: Path) -> dict[Path, str]:
    """Returns the photographs of a dataset, with and without masks, and their ids; none if the folder is no dataset.

    Where layouts disagree, a file that one of them takes for a mask is none.
    """
    return _photographs_and_masks(root)[0]


def photographs_and_others(root: Path) -> tuple[dict[Path, str], list[Path]]:
    """Returns the photographs of a dataset as `dataset_photographs`, and images that may be photographs, too.

    These lie beside photographs, or in folders without photographs and without masks. There, an image of the name of a
    photograph is taken for a picture of its mask, unless it is a JPEG.
    """
    photographs, masks = _photographs_and_masks(root)
    names, beside = {*map(stem, photographs)}, {file.parent for file in photographs}
    of_masks = {file.parent for file in masks} - beside
    others = []
    for file in (root / name for name in image_files(root)) if photographs else ():
        is_other = file.parent in beside or stem(file) not in names or file.suffix.lower() in (".jpg", ".jpeg")
        if is_other and file not in photographs and file.parent not in of_masks:
            others.append(file)
    return photographs, others


def _photographs_and_masks(root: Path) -> tuple[dict[Path, str], set[Path]]:
    try:
        fits = find_layouts(root)
    except DataError:
        fits = []
    unused = {file for fit in fits for what, files in fit.passed_over.items() if what != _DEEPER for file in files}
    unused |= {file for fit in fits for file in fit.without_photograph}
    masks = {pair.mask for fit in fits for pair in fit.pairs}
    if len(fits) == 1:
        return fits[0].photographs, masks | unused
    photographs = {path for fit in fits for path in fit.photographs}
    if not fits:  # masks of other names may lie in a folder of masks
        folders = by_folder(image_files(root))
        for layout in LAYOUTS.values():
            sides = layout.spots(folders)
            if layout.is_named and "{split}" not in layout.images and all(sides):
                for found, side in zip((photographs, masks), sides, strict=True):
                    found |= {root / file for here in side.values() for file in here.files}
    names = {path: path.relative_to(root).with_suffix("").as_posix() for path in sorted(photographs - masks)}
    return names, masks | unused


def find_masks(root: Path, masks: str) -> DatasetFiles:
    """Returns the masks of a folder as pairs without photographs: the image of each is its mask.

    Raises:
        DataError: The folder does not exist or holds no images.
    """
    folder = named_folder(root, masks, "data.masks")
    files = [folder / file for file in image_files(folder)]
    if not files:
        raise DataError(say_unreadable(folder))
    side: Files = {(): {file.relative_to(folder).with_suffix("").as_posix(): [file] for file in files}}
    found = pair_files(folder, "", side, side, EXACT)
    return replace(found, pairs=[FilePair(p.id, p.mask, p.mask, "", None) for p in found.pairs])


def _fits(
    root: Path, key: str, layout: Layout, folders: Mapping[PurePosixPath, Sequence[PurePosixPath]]
) -> Iterator[DatasetFiles]:
    """Yields the dataset by each two folder names of a layout, as near to the root as possible."""
    photographs, masks = layout.spots(folders)
    names = [dict.fromkeys(here.spot.folder for here in side.values()) for side in (photographs, masks)]
    for image_folder, mask_folder in product(*names):
        spots = [here.spot for here in photographs.values() if here.spot.folder == image_folder]
        for depth in [None] if layout.beside else sorted({spot.depth for spot in spots}):
            images, among = _split_off(_at(photographs, image_folder, depth), root, keep=layout.beside is not None)
            candidates, _ = _split_off(_at(masks, mask_folder, depth), root, keep=True)
            candidates = spelled_alike(candidates, images)
            known_only = layout.beside == "name"
            rule = EXACT if layout.beside == "suffix" else find_rule(images, candidates, known_only=known_only)
            if rule is None:
                continue
            found = pair_files(root, key, images, candidates, rule, partly_labeled=layout.partly_labeled)
            if len(formats := {pair.group for pair in found.pairs}) > 1 and {*map(str.lower, formats)} <= _FORMATS:
                raise DataError(
                    f"data.root={root} has the same photographs in {' and in '.join(sorted(formats))}: give one of the "
                    f"folders, such as data.root={root / max(formats)}"
                )
            deeper = [here for here in photographs.values() if layout.is_named and here.spot.depth > (depth or 0)]
            passed = {_AMONG: among, _DEEPER: [root / file for here in deeper for file in here.files]}
            passed = found.passed_over | {what: paths for what, paths in passed.items() if paths}
            yield apply_lists(replace(found, passed_over=passed), layout.lists)
            break


def _at(spots: Spots, folder: str, depth: int | None) -> dict[Place, list[PurePosixPath]]:
    found: dict[Place, list[PurePosixPath]] = defaultdict(list)
    for spot, files in spots.values():
        if spot.folder == folder and depth in (None, spot.depth):
            found[spot.place] += files
    return found


def _split_off(places: Mapping[Place, Sequence[PurePosixPath]], base: Path, *, keep: bool) -> tuple[Files, list[Path]]:
    """Returns the files by place and name; unless `keep`, without the masks that lie among photographs."""
    side: Files = {}
    off: list[Path] = []
    for place, files in places.items():
        names = set() if keep else masks_among(map(stem, files))
        side[place] = {}
        for file in files:
            (off if stem(file) in names else side[place].setdefault(stem(file), [])).append(base / file)
    return {place: members for place, members in side.items() if members}, off


def _named(root: Path, images: str, masks: str) -> DatasetFiles:
    if is_pattern(images) or is_pattern(masks):
        return _by_patterns(root, images, masks)
    image_folder, mask_folder = named_folder(root, images, "data.images"), named_folder(root, masks, "data.masks")
    if image_folder.resolve() == mask_folder.resolve():
        fits = [fit for key in LAYOUTS if LAYOUTS[key].beside for fit in find_layouts(image_folder, key)]
        if len(fits) != 1:
            raise DataError(why_several(root, fits) if fits else why_no_pairs(image_folder, image_folder))
        return replace(fits[0], layout="", given=(str(image_folder.resolve()), str(mask_folder.resolve())))
    found = _by_folders(root, image_folder, mask_folder)
    if found is None:
        raise DataError(why_no_pairs(image_folder, mask_folder))
    return found


def _by_folders(root: Path, images: Path, masks: Path) -> DatasetFiles | None:
    """Returns the dataset of two folders, or None if no names agree."""
    sides = []
    off: list[Path] = []
    for folder, other in ((images, masks), (masks, images)):
        inner = other.resolve() if folder.resolve() in other.resolve().parents else None
        places: dict[Place, list[PurePosixPath]] = defaultdict(list)
        for file in image_files(folder):
            if inner is None or not (folder / file).resolve().is_relative_to(inner):
                places[file.parent.parts].append(file)
        side, among = _split_off(places, folder, keep=folder == masks)
        if not side:
            raise DataError(say_unreadable(folder))
        sides.append(side)
        off += among
    photographs, candidates = sides[0], spelled_alike(sides[1], sides[0])
    rule = find_rule(photographs, candidates)
    if rule is None:
        return None
    found = pair_files(root, "", photographs, candidates, rule)
    given = (str(images.resolve()), str(masks.resolve()))
    return replace(found, given=given, passed_over=found.passed_over | ({_AMONG: off} if off else {}))


def _by_patterns(root: Path, images: str, masks: str) -> DatasetFiles:
    found: list[list[FoundFile]] = []
    given = []
    for key, text in (("data.images", images), ("data.masks", masks)):
        base, pattern = pattern_base(root, text if is_pattern(text) else f"{text.rstrip('/')}/{{id}}")
        found.append(match_files(base, image_files(base), pattern, key))
        given.append(f"{base.resolve()}/{pattern}")
    named = [{*files[0].folders} for files in found]
    fields = [f for f in sorted(named[0] & named[1]) if named[0] == named[1] or not f.startswith("any")]
    sides: list[Files] = [{}, {}]
    for side, files in zip(sides, found, strict=True):
        for file in files:
            place = tuple(part for field in fields for part in file.folders[field].strip("/").split("/") if part)
            side.setdefault(place, {}).setdefault(file.id, []).append(file.path)
    sides[1] = spelled_alike(sides[1], sides[0])
    for paths in (paths for side in sides for members in side.values() for paths in members.values()):
        if len(paths) > 1:
            raise DataError(
                f"{paths[0]} and {paths[1]} have the same id: name the folder in which they differ with {{group}} in "
                "data.images and data.masks"
            )
    if not any(members.keys() & sides[1].get(place, {}).keys() for place, members in sides[0].items()):
        first, second = (files[0] for files in found)
        raise DataError(
            f"no mask of data.masks={masks} has the id of a photograph of data.images={images} ({first.id} in "
            f"{first.path}, {second.id} in {second.path}): put {{id}} where the names agree"
        )
    return replace(pair_files(root, "", sides[0], sides[1], EXACT), given=(given[0], given[1]))


def _complete(root: Path, images: str | None, masks: str | None) -> DatasetFiles:
    """Finds the other folder of the one that is given: the only one whose files pair with all of its."""
    key, given = ("data.masks", masks) if images is None else ("data.images", images)
    missing = "data.images" if images is None else "data.masks"
    if is_pattern(given or ""):
        raise DataError(f"{key}={given} needs {missing}=PATTERN beside it: give both")
    folder = named_folder(root, given or "", key)
    others = [root / parent for parent in dict.fromkeys(file.parent for file in image_files(root))]
    others = [other for other in others if not other.resolve().is_relative_to(folder.resolve())]
    found: list[DatasetFiles] = []
    for other in others:
        fit = _by_folders(root, *((other, folder) if images is None else (folder, other)))
        if fit is not None and not fit.without_mask and not fit.without_photograph:
            found.append(fit)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(str(other) for other in others[:6]) or "none"
    raise DataError(f"{key}={given} needs {missing}=FOLDER beside it; folders with images there: {listed}")


def _add_others(files: DatasetFiles) -> DatasetFiles:
    """Adds the files beside photographs and masks that are no images, without class tables beside masks."""
    folders = dict.fromkeys(file.parent for pair in files.pairs for file in (pair.image, pair.mask))
    others, masks = [file for folder in folders for file in other_files(folder)], {p.mask.parent for p in files.pairs}
    return replace(files, other_files=[f for f in others if not (is_table_name(f) and f.parent in masks)])
