"""Fill pixels of a mask from their nearest neighbors."""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.integer[Any])


def fill_from_nearest(mask: NDArray[T], empty: NDArray[np.bool_], classes: int) -> NDArray[T]:
    """Returns the mask with each empty pixel set to the class of the nearest pixel that is not empty.

    Classes grow over the empty pixels, in turn to the 4 sides and to all 8 neighbors: the octagonal distance
    (Rosenfeld and Pfaltz, "Distance functions on digital pictures", 1968). Unlike with
    `cv2.distanceTransformWithLabels`, a pixel stays connected to where its class comes from, and the memory is that
    of two masks and the edges of the filled areas, instead of 12 bytes per pixel.

    Args:
        mask: uint8 `[H, W]`, class ids, or integers that number other areas.
        empty: Pixels to fill, bool `[H, W]`. Those that no class can reach stay as they are.
        classes: Number of classes, which the type of the mask can hold; higher ids, such as the ignored one, do not
            grow.

    Example:
        >>> mask = np.array([[1, 0, 0, 2]], np.uint8)
        >>> fill_from_nearest(mask, np.array([[False, True, True, False]]), classes=3).tolist()
        [[1, 1, 2, 2]]
    """
    left, top, width, height = cv2.boundingRect(empty.view(np.uint8))
    around = slice(max(0, top - 1), top + height + 1), slice(max(0, left - 1), left + width + 1)
    filled = mask.copy()
    filled[around] = _fill(mask[around], empty[around], classes)
    return filled


def _fill(mask: NDArray[T], empty: NDArray[np.bool_], classes: int) -> NDArray[T]:
    padded, padded_empty = np.pad(mask, 1, constant_values=classes), np.pad(empty, 1)
    values, unfilled, row = padded.reshape(-1), padded_empty.reshape(-1), padded.shape[1]
    sides, corners = (-row, -1, 1, row), (-row - 1, -row + 1, row - 1, row + 1)

    def grow(front: NDArray[np.int64], steps: tuple[int, ...]) -> NDArray[np.int64]:
        filled = []
        for step in steps:
            reached = front[unfilled[front + step]] + step
            values[reached] = values[reached - step]
            unfilled[reached] = False
            filled.append(reached)
        return np.concatenate(filled)

    neighbors = cv2.dilate(padded_empty.view(np.uint8), np.ones((3, 3), np.uint8))
    neighbors[padded_empty] = 0
    neighbors[padded >= classes] = 0
    front = np.flatnonzero(neighbors.view(bool))
    while front.size:
        front = grow(np.concatenate([front, grow(front, sides)]), sides + corners)
    return padded[1:-1, 1:-1]
