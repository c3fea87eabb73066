"""Draw blocks of photographs and masks on one sheet, with titles and a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segdrone import figures
from segdrone.classes import ClassTable
from segdrone.utils.console import one_line

_ASPECT = 1.5  # target width of a sheet over its height
_GAP, _MARGIN = 24, 24  # pixels
_DPI = 100
_SHEET_PIXELS = 4e6  # target size of a sheet
_LONGER_SIDE = (260, 1000)  # smallest and largest longer side of an image on the sheet, in pixels

ImageAndMask = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # uint8 [H, W, 3] and its mask, uint8 [H, W]


class SheetBlock(NamedTuple):
    """A photograph with its mask, and optionally augmented versions of both, and pictures of the same size."""

    title: str
    versions: list[ImageAndMask]
    pictures: Sequence[NDArray[np.uint8]] = ()


def longer_side(images: int) -> int:
    """Returns the longer side of each image in pixels, assuming that two thirds of its square are filled."""
    return int(np.clip(math.sqrt(_SHEET_PIXELS / images / 0.67), *_LONGER_SIDE))


def draw_sheet(blocks: Sequence[SheetBlock], table: ClassTable, title: str, *, stacked: bool) -> Figure:
    """Draws blocks in rows and columns with their titles, and a legend of the classes that occur.

    Args:
        blocks: Blocks at the size at which they are drawn; at least one.
        table: The classes.
        title: Title of the sheet.
        stacked: Put each mask below its photograph, with versions side by side; otherwise beside it.
    """
    tiles = [_compose(block, table, stacked) for block in blocks]
    height, width = max(tile.shape[0] for tile in tiles), max(tile.shape[1] for tile in tiles)
    columns = _choose_columns(len(tiles), width + _GAP, height + 2 * _GAP)
    rows = math.ceil(len(tiles) / columns)
    present = np.unique(np.concatenate([np.unique(mask) for block in blocks for _, mask in block.versions]))
    patches = figures.legend_patches([int(i) for i in present], table)
    across = max(columns * (width + _GAP) - _GAP, 480)
    font = float(np.clip(across / 170, 10, 18))  # points
    line = round(2 * font)  # pixels
    if present[-1] == table.ignore_index:
        patches[-1].set_hatch("////")
    longest = max(len(str(patch.get_label())) for patch in patches)
    legend_columns = min(len(patches), max(1, int(across / (font * (4.5 + 0.85 * longest)))))
    legend = math.ceil(len(patches) / legend_columns) * line + _MARGIN
    size = (across + 2 * _MARGIN, 2 * _MARGIN + line + rows * (height + line + _GAP) + legend)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI, facecolor="white")

    def add_text(left: int, top: int, name: str, max_width: int, **style: Any) -> None:
        text = one_line(name)
        artist = figure.text(
            left / size[0], 1 - top / size[1], figures.plain_text(text), fontsize=font, va="center", **style
        )
        half = len(text) // 2
        while artist.get_window_extent().width > max_width and half > 1:
            half -= 1
            artist.set_text(figures.plain_text(f"{text[:half]}\u2026{text[-half:]}"))

    add_text(_MARGIN, _MARGIN + line // 2, title, across, weight="bold")
    for i, (block, tile) in enumerate(zip(blocks, tiles, strict=True)):
        row, column = divmod(i, columns)
        left, top = _MARGIN + column * (width + _GAP), _MARGIN + line + row * (height + line + _GAP)
        add_text(left, top + line // 2, block.title, width)
        figure.figimage(tile, left, size[1] - top - line - tile.shape[0], origin="upper")
    figure.legend(handles=patches, loc="lower center", ncols=legend_columns, fontsize=font, frameon=False,
                  borderaxespad=0.5, handlelength=1.4, columnspacing=1.2)  # fmt: skip
    return figure


def _compose(block: SheetBlock, table: ClassTable, stacked: bool) -> NDArray[np.uint8]:
    images = [image for image, _ in block.versions]
    overlays = [figures.overlay(image, mask, table) for image, mask in block.versions]
    cells = [images, overlays] if stacked else [[*images, *overlays, *block.pictures]]
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    return np.vstack([np.hstack([_pad(image, height, width) for image in row]) for row in cells])


def _pad(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Centers an image on white of a given size, plus 2 pixels on each side."""
    top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    padded = np.full((height + 4, width + 4, 3), 255, np.uint8)
    padded[2 + top : 2 + top + image.shape[0], 2 + left : 2 + left + image.shape[1]] = image
    return padded


def _choose_columns(blocks: int, width: int, height: int) -> int:
    """Returns the number of columns that brings the sheet closest to `_ASPECT`."""

    def distance(columns: int) -> float:
        return abs(math.log(columns * width / (math.ceil(blocks / columns) * height * _ASPECT)))

    return min(range(1, blocks + 1), key=distance)
