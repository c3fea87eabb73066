"""Put the tiles of a photograph, which `export-labels --tile` cut, together again: one mask of the whole photograph.

Shapes are drawn tile by tile, and what reaches out of a tile is cut off, so that each pixel comes from its own tile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.photograph_paths import posix_path
from segdrone.annotations.shapes import AnnotatedImage, Shape, number_shapes, rasterize
from segdrone.annotations.sources import Source
from segdrone.annotations.tile_names import TilePlace, has_tile_name, parse_tile_name
from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES, read_size
from segdrone.utils.digest import file_digest
from segdrone.windows import Size, Window

_NAMED = 5  # missing tiles in an error
_SAME_THING = 0.5  # of the pixels that two parts have at a border together


def recognize_tiles(source: Source) -> Source:
    """Returns a source whose tiles name their whole photographs; `join_tiles` puts them together.

    Raises:
        DataError: A tile was renamed in the tool.
    """
    images = [_recognize(image) for image in source.annotations.images]
    return replace(source, annotations=replace(source.annotations, images=images))


def _recognize(image: AnnotatedImage) -> AnnotatedImage:
    found = [(suffix, tile) for stem, suffix in map(_split, image.names) if (tile := parse_tile_name(stem))]
    if not found:
        if renamed := next((name for name in image.names if has_tile_name(name)), None):
            raise DataError(
                f"{image.where} names {renamed!a}, a tile that was renamed in the tool: give it back the name that "
                "export-labels gave it"
            )
        return image
    place = found[0][1][1]
    names = [name for suffix, (name, _) in found for name in dict.fromkeys((name + suffix, name))]
    others = [partial(_recognize_other, read) for read in image.others]
    return replace(
        image, names=names, size=None, embedded=None, file_bytes=None, digest="", others=others, tiles={place: image}
    )


def _recognize_other(read: Callable[[], AnnotatedImage]) -> AnnotatedImage:
    return _recognize(read())


def _split(name: str) -> tuple[str, str]:
    """Returns a path with `/`, without and with its suffix, if that is one of an image."""
    path = str(posix_path(name))
    suffix = PurePosixPath(path).suffix
    return (path.removesuffix(suffix), suffix) if suffix.lower() in IMAGE_SUFFIXES else (path, "")


def join_tiles(one: AnnotatedImage, other: AnnotatedImage) -> AnnotatedImage:
    """Returns the tiles of both, which are of one photograph.

    Raises:
        DataError: Both have shapes on one tile.
    """
    tiles = dict(one.tiles)
    for place, image in other.tiles.items():
        known = tiles.get(place)
        if known is not None and known.shapes and image.shapes:
            raise DataError(
                f"{known.where} and {image.where} both annotate the tile {image.names[0]!a}: give the annotation files "
                f"to use, such as {image.path}, instead of their folder"
            )
        if known is None or image.shapes:
            tiles[place] = image
    shapes = [shape for image in tiles.values() for shape in image.shapes]
    return replace(one, shapes=shapes, tiles=tiles)


def check_all_tiles(images: Iterable[tuple[AnnotatedImage, Path]], *, allow_missing: bool) -> list[str]:
    """Checks the tiles of photographs, each given with its file, as `check_tiles`; returns what to tell of them.

    Raises:
        DataError: As `check_tiles`.
    """
    photographs, tiles, missing = 0, 0, 0
    for image, photograph in images:
        if image.tiles:
            photographs, tiles = photographs + 1, tiles + len(image.tiles)
            size, digest = read_size(photograph), file_digest(photograph)
            missing += check_tiles(image, photograph, size, digest, allow_missing=allow_missing)
    if not photographs:
        return []
    notes = [f"put together: {photographs} photographs of {tiles} tiles"]
    return [*notes, f"ignored pixels: {missing} tiles that are not in the annotations"] if missing else notes


def check_tiles(image: AnnotatedImage, photograph: Path, size: Size, digest: str, *, allow_missing: bool) -> int:
    """Checks that the tiles of a photograph cover it.

    Args:
        image: The photograph in the annotations.
        photograph: Its file, for errors.
        size: Height and width of the photograph as displayed.
        digest: SHA-256 of its file, in hex.
        allow_missing: Whether tiles may be missing.

    Returns:
        Number of tiles that are missing.

    Raises:
        DataError: Tiles are missing, were cut from another photograph or in two ways, or were resized in the tool.
    """
    first = next(iter(image.tiles))
    for place, tile in image.tiles.items():
        if not digest.startswith(place.digest):
            raise DataError(
                f"{tile.where} annotates a tile of another photograph than {photograph}, or of one that was changed "
                "since: give the photographs that were cut with --images"
            )
        if (place.columns, place.rows) != (first.columns, first.rows):
            raise DataError(
                f"{image.tiles[first].where} and {tile.where} annotate tiles of {photograph} of two exports "
                f"({first.columns} x {first.rows} and {place.columns} x {place.rows}): import one of them"
            )
        if (window := place.window(size)) is None:
            raise DataError(
                f"{tile.where} names {tile.names[0]!a}, which {photograph} of {size[1]} x {size[0]} pixels has not: "
                "the tile was renamed in the tool; give it back its name"
            )
        if tile.size not in (None, (window.height, window.width)):
            assert tile.size is not None
            raise DataError(
                f"{tile.where} annotates a tile of {tile.size[1]} x {tile.size[0]} pixels that has {window.width} x "
                f"{window.height}: it was resized in the tool; annotate it in its own size"
            )
    missing = first.columns * first.rows - len(image.tiles)
    if missing and not allow_missing:
        stem = photograph.stem
        names = islice((place.name(stem) for place in first.all(size) if place not in image.tiles), _NAMED)
        raise DataError(
            f"{missing} of {first.columns * first.rows} tiles of {photograph} are not in the annotations: "
            f"{', '.join(names)}{' and more' if missing > _NAMED else ''}; export all of them from the tool, or ignore "
            "their pixels with --allow-missing-tiles"
        )
    return missing


def missing_pixels(image: AnnotatedImage, size: Size) -> NDArray[np.bool_] | None:
    """Returns which pixels of a photograph are of tiles that it lacks, bool `[H, W]`; None if it has all."""
    windows = [window for place in image.tiles if (window := place.window(size)) is not None]
    if sum(window.height * window.width for window in windows) == size[0] * size[1] or not image.tiles:
        return None
    missing = np.ones(size, bool)
    for window in windows:
        missing[window.rows, window.columns] = False
    return missing


def draw_mask(
    image: AnnotatedImage, size: Size, ids: Mapping[str, int], fill: int, ignore_index: int
) -> NDArray[np.uint8]:
    """Draws the mask of a photograph, uint8 `[H, W]`; pixels of tiles that are missing are ignored.

    Args:
        image: The photograph in the annotations, checked.
        size: Height and width of the mask.
        ids: Class id of each label.
        fill: Value of pixels that no shape covers.
        ignore_index: Value of shapes with an ignored label.

    Raises:
        DataError: As `rasterize`.
    """
    if not image.tiles:
        return rasterize(image.shapes, size, ids, fill, ignore_index)
    mask = np.full(size, ignore_index, np.uint8)
    for window, shapes in _windows(image, size):
        mask[window.rows, window.columns] = rasterize(shapes, (window.height, window.width), ids, fill, ignore_index)
    return mask


def draw_numbers(image: AnnotatedImage, mask: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Numbers the things of a photograph, uint16 `[H, W]`, as `number_shapes`; a thing that was cut is one again.

    Parts of one label and one group are one thing. Parts without a group are one where they meet at a border of tiles:
    both show one class, and have there at least half of their pixels in common.

    Args:
        image: The photograph in the annotations, checked.
        mask: Its mask, of `draw_mask`.

    Raises:
        DataError: As `number_shapes`.
    """
    size = mask.shape[0], mask.shape[1]
    if not image.tiles:
        return number_shapes(image.shapes, size)
    numbers, groups, count = np.zeros(size, np.uint16), dict[tuple[str, str], int](), 0
    for window, shapes in _windows(image, size):
        drawn = number_shapes(shapes, (window.height, window.width), groups, count)
        numbers[window.rows, window.columns] = drawn
        count = max(count, int(drawn.max()), *groups.values())
    return join_parts(numbers, mask, next(iter(image.tiles)), {*groups.values()})


def _windows(image: AnnotatedImage, size: Size) -> list[tuple[Window, Sequence[Shape]]]:
    found = ((place.window(size), tile.shapes) for place, tile in image.tiles.items())
    return [(window, shapes) for window, shapes in found if window is not None]


def join_parts(
    numbers: NDArray[np.uint16],
    mask: NDArray[np.uint8],
    grid: TilePlace,
    grouped: Collection[int] = (),
    kept: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint16]:
    """Gives parts of a thing, on both sides of a border of tiles, one number.

    Args:
        numbers: Numbers of things, uint16 `[H, W]`, other ones in each tile.
        mask: Class ids, uint8 `[H, W]`.
        grid: One of the tiles.
        grouped: Numbers of groups, which are not joined with one another.
        kept: Pixels of an earlier map, bool `[H, W]`: only borders between these and others are looked at.
    """
    root = np.arange(int(numbers.max()) + 1)
    sides = (numbers, mask, np.zeros_like(mask, bool) if kept is None else kept)
    tops, lefts = grid.starts((mask.shape[0], mask.shape[1]))
    seams = [tuple(side[y - 1 : y + 1] for side in sides) for y in tops[1:]]
    seams += [tuple(side[:, x - 1 : x + 1].T for side in sides) for x in lefts[1:]]
    for (one, other), (class_id, other_class), (is_kept, other_is_kept) in seams:
        meet = (one > 0) & (other > 0) & (class_id == other_class)
        if kept is not None:
            meet &= is_kept != other_is_kept
        pairs, together = np.unique(np.stack([one[meet], other[meet]]), axis=1, return_counts=True)
        lengths = np.bincount(one, minlength=len(root)), np.bincount(other, minlength=len(root))
        for a, b, common in zip(*pairs.tolist(), together.tolist(), strict=True):
            either = int(lengths[0][a] + lengths[1][b]) - common
            if common >= _SAME_THING * either and not (a in grouped and b in grouped):
                root[root == root[b]] = root[a]
    return root.astype(np.uint16)[numbers]
