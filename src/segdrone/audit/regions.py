"""Divide a mask into labeled regions, and find the cells of a coarser grid that show each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.inference.components import connected_components
from segdrone.windows import Size, Window


class Region(NamedTuple):
    """A labeled region.

    Attributes:
        class_id: Its class.
        window: Its bounding box in the mask.
        area: Its pixels.
        pixels: Which pixels of the box it has, bool `[h, w]`.
    """

    class_id: int
    window: Window
    area: int
    pixels: NDArray[np.bool_]


def find_regions(
    mask: NDArray[np.uint8], table: ClassTable, min_area: int, numbers: NDArray[np.uint16] | None = None
) -> Iterator[Region]:
    """Yields the connected components of each class of a mask, and of these each thing apart.

    Args:
        mask: uint8 `[H, W]`, class ids and the ignored id, which is no region.
        table: The classes.
        min_area: Regions of fewer pixels are left out.
        numbers: Number of the thing at each pixel, uint16 `[H, W]`, 0 for none; None if things are not numbered.

    Example:
        >>> table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)))
        >>> mask, things = np.array([[0, 1, 1, 1, 255]], np.uint8), np.array([[0, 7, 7, 8, 0]], np.uint16)
        >>> [(region.class_id, region.window.left, region.area) for region in find_regions(mask, table, 1, things)]
        [(0, 0, 1), (1, 1, 2), (1, 3, 1)]
    """
    counts = cv2.calcHist([mask], [0], None, [len(table)], [0, len(table)])  # np.bincount takes 8 bytes a pixel
    for class_id in np.flatnonzero(counts).tolist():
        for component in connected_components(mask, class_id):
            window, area = component.window, component.area
            if area < min_area:
                continue
            pixels = component.pixels
            if numbers is None:
                yield Region(class_id, window, area, pixels)
                continue
            inside = np.where(pixels, numbers[window.rows, window.columns], np.uint16(0))
            for number in np.unique(inside[pixels]).tolist():
                yield from _cropped(class_id, window, pixels & (inside == number), min_area)


def _cropped(class_id: int, window: Window, pixels: NDArray[np.bool_], min_area: int) -> Iterator[Region]:
    left, top, width, height = cv2.boundingRect(pixels.view(np.uint8))
    cropped = pixels[top : top + height, left : left + width]
    area = int(cropped.sum())
    if area >= min_area:
        yield Region(class_id, Window(window.top + top, window.left + left, height, width), area, cropped)


class Grid:
    """Cells that cover an image evenly, each of which shows the pixel in its middle.

    Args:
        image_size: Height and width of the image in pixels.
        size: Height and width of the grid in cells.

    Attributes:
        size: Height and width of the grid in cells.
        rows: Row of the image that each row of cells shows, increasing, int64 `[h]`.
        columns: Column of the image that each column of cells shows, int64 `[w]`.
    """

    def __init__(self, image_size: Size, size: Size) -> None:
        self.image_size, self.size = image_size, size
        self.rows, self.columns = (middles(count, length) for count, length in zip(size, image_size, strict=True))

    def sample(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns what the cells show of a mask, uint8 `[h, w]`."""
        return mask[np.ix_(self.rows, self.columns)]

    def cells(self, region: Region) -> tuple[Window, NDArray[np.bool_]]:
        """Returns the cells that show a region: their bounding box, and which of its cells, bool `[h, w]`.

        Of a region that is thinner than a cell, these are all cells that have a part of it.
        """
        window = region.window
        top, bottom = np.searchsorted(self.rows, (window.top, window.top + window.height)).tolist()
        left, right = np.searchsorted(self.columns, (window.left, window.left + window.width)).tolist()
        rows, columns = self.rows[top:bottom] - window.top, self.columns[left:right] - window.left
        shown = region.pixels[np.ix_(rows, columns)]
        if shown.any():
            return Window(top, left, bottom - top, right - left), shown
        rows, columns = (
            (places + start) * count // length
            for places, start, count, length in zip(
                np.nonzero(region.pixels), window[:2], self.size, self.image_size, strict=True
            )
        )
        top, left = int(rows.min()), int(columns.min())
        shown = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), bool)
        shown[rows - top, columns - left] = True
        return Window(top, left, *shown.shape), shown


def middles(count: int, length: int) -> NDArray[np.int64]:
    """Returns the pixel in the middle of each of `count` equal parts of a side of `length` pixels.

    Example:
        >>> middles(2, 6).tolist()
        [1, 4]
    """
    return (2 * np.arange(count) + 1) * length // (2 * count)
