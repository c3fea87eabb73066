"""Pair photographs with their masks by name, and check both before any pixel is decoded."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segdrone.data.discovery.dataset_files import DatasetFiles, FilePair, common_folder
from segdrone.data.discovery.file_kinds import say_unreadable
from segdrone.data.discovery.file_tree import image_files
from segdrone.data.discovery.mask_names import stem
from segdrone.errors import DataError, shorten_list
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.raster.header import check_photograph, read_header, read_size
from segdrone.windows import Size

log = logging.getLogger(__name__)

_MAYBE_INFRARED = "; if their fourth band is near infrared, not alpha, give data.bands=[1,2,3]"


@dataclass(frozen=True)
class ImageMaskPair:
    """A photograph with its mask.

    Attributes:
        id: Name of the photograph without suffix, after its folders where names are used twice: `Tile 1/part_001`.
        image: The photograph.
        mask: Its mask; None if there is only a photograph.
        size: Height and width in pixels as displayed, that is with the EXIF orientation applied.
        marks_no_data: Whether pixels of the photograph may be transparent or no data, as its header says.
        group: Folder of its flight, sequence or tile, such as `seq1`; empty if the layout has none.
        split: `train`, `val` or `test` if the folders of the dataset are the split, else None.
        channels: Which bands of the photograph are red, green and blue, and how more than 8 bits become 8.
        turned: Whether EXIF turns the photograph and not its mask, although both have the same size either way.
    """

    id: str
    image: Path
    mask: Path | None
    size: Size
    marks_no_data: bool = False
    group: str = ""
    split: str | None = None
    channels: Channels = AS_STORED
    turned: bool = False


def find_pairs(
    files: DatasetFiles, *, allow_unpaired: bool = False, channels: Channels = AS_STORED
) -> list[ImageMaskPair]:
    """Returns every photograph of a dataset with its mask, sorted by id.

    Args:
        files: The files of the dataset.
        allow_unpaired: Skip files without a partner instead of refusing them.
        channels: Which bands of the photographs are red, green and blue, and how more than 8 bits become 8.

    Raises:
        DataError: Two files have the same name, partners are missing, a file is not an image, or a mask differs in
            size from its photograph.
    """
    if files.same_name:
        first, second = files.same_name[0][:2]
        raise DataError(f"{first} and {second} have the same name: rename or remove one of them")
    problems = [
        f"{len(paths)} in {common_folder(paths)} without a {partner}: {shorten_list(paths, 10, lambda path: path.name)}"
        for paths, partner in ((files.without_mask, "mask"), (files.without_photograph, "photograph"))
        if paths
    ]
    if problems and not allow_unpaired:
        remedy = f"add them, or train on the {len(files.pairs)} pairs with data.allow_unpaired=true"
        raise DataError(f"{'; '.join(problems)}; {remedy}")
    by_id = {pair.id: pair for pair in files.pairs}
    pairs = _build_all([*by_id], lambda name: _build(by_id[name], channels))
    tell_choices(pairs)
    return pairs


def tell_choices(pairs: Sequence[ImageMaskPair]) -> None:
    """Warns about pixels of photographs that are left out, and masks that are not turned as their photographs are."""
    transparent = [pair.image.name for pair in pairs if pair.marks_no_data]
    if transparent:
        log.warning(
            "%d photographs may have transparent or no-data pixels, which are not trained on: %s%s",
            len(transparent),
            shorten_list(transparent, 3),
            "" if pairs[0].channels.bands else _MAYBE_INFRARED,
        )
    turned = [pair.image.name for pair in pairs if pair.turned]
    if turned:
        log.warning(
            "EXIF turns %d photographs, not their masks, which are taken to be drawn on the turned ones: %s; if they "
            "do not match in segdrone data show, save the photographs upright (magick mogrify -auto-orient)",
            len(turned),
            shorten_list(turned, 3),
        )


def find_photographs(folder: Path) -> list[ImageMaskPair]:
    """Returns every image in a folder and the folders in it, without masks, sorted by id, which is its path there.

    Raises:
        DataError: The folder does not exist or holds no images, two files have the same name, or a file is not
            an image.
    """
    files: dict[str, Path] = {}
    for file in image_files(folder) if folder.is_dir() else []:
        name = (file.parent / stem(file)).as_posix()
        if name in files:
            raise DataError(f"{files[name]} and {folder / file} have the same name: rename or remove one of them")
        files[name] = folder / file
    if not files:
        raise DataError(say_unreadable(folder))
    return _build_all(sorted(files), lambda name: ImageMaskPair(name, files[name], None, read_size(files[name])))


def build_photographs(paths: Mapping[str, Path], channels: Channels = AS_STORED) -> list[ImageMaskPair]:
    """Returns photographs by their ids as pairs without masks, sorted by id, after reading their headers.

    Raises:
        DataError: A file is not an image, or does not give 8-bit RGB with these channels.
    """

    def build(name: str) -> ImageMaskPair:
        header = read_header(paths[name], channels)
        check_photograph(paths[name], header, channels)
        return ImageMaskPair(
            name, paths[name], None, header.size, marks_no_data=header.marks_no_data, channels=channels
        )

    pairs = _build_all(sorted(paths), build)
    tell_choices(pairs)
    return pairs


def _build(files: FilePair, channels: Channels) -> ImageMaskPair:
    if files.image == files.mask:  # masks without photographs
        return ImageMaskPair(files.id, files.image, files.mask, read_size(files.image))
    return replace(build_pair(files.id, files.image, files.mask, channels), group=files.group, split=files.split)


def build_pair(name: str, image: Path, mask: Path, channels: Channels = AS_STORED) -> ImageMaskPair:
    """Builds a pair of two files after comparing their headers.

    Raises:
        DataError: A file is not an image, the photograph does not give 8-bit RGB with these channels, or the sizes
            differ.
    """
    header, mask_header = read_header(image, channels), read_header(mask)
    size, mask_size = header.size, mask_header.size
    check_photograph(image, header, channels)
    if size == mask_size[::-1] != mask_size and header.orientation != mask_header.orientation:
        raise DataError(
            f"{image} is rotated by its EXIF orientation {header.orientation} and its mask {mask} by "
            f"{mask_header.orientation}, so they do not match: rotate the mask, or save the photograph upright"
        )
    if size != mask_size:
        raise DataError(
            f"{mask} is {mask_size[1]} x {mask_size[0]} pixels but its photograph {image.name} is "
            f"{size[1]} x {size[0]}: export the mask again at the photograph's size"
        )
    turned = header.orientation != mask_header.orientation and header.orientation in range(2, 9)
    return ImageMaskPair(
        name,
        image,
        mask,
        size,
        marks_no_data=header.marks_no_data,
        channels=channels,
        turned=turned and (header.orientation < 5 or size[0] == size[1]),  # the size shows others
    )


def _build_all(names: Sequence[str], build: Callable[[str], ImageMaskPair]) -> list[ImageMaskPair]:
    """Builds all pairs; the error reports several failures at once, those of one kind by the first of them."""
    pairs: list[ImageMaskPair] = []
    problems: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        try:
            pairs.append(build(name))
        except DataError as error:
            kind = re.sub(rf"(?<!\w){re.escape(Path(name).name)}(?=[._])", "*", str(error))
            problems.setdefault(kind, []).append((name, str(error)))
    if problems:
        lines = []
        for same in [*problems.values()][:3]:
            others = shorten_list([name for name, _ in same[1:]], 3)
            lines.append(same[0][1] + (f" (the same with {others})" if others else ""))
        more = sum(map(len, [*problems.values()][3:]))
        raise DataError("; ".join(lines) + (f" (and {more} more such files)" if more else ""))
    return pairs
