"""Fill pixels of a mask from their neighbours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fill_from_nearest(mask: NDArray[np.uint8], empty: NDArray[np.bool_], classes: int) -> NDArray[np.uint8]:
    """Returns the mask with each empty pixel in the class of the nearest one that is not.

    Classes grow over the empty pixels, by turns to the 4 sides and to all 8 neighbours: the octagonal
    distance (Rosenfeld and Pfaltz, "Distance functions on digital pictures", 1968). Other than with
    `cv2.distanceTransformWithLabels`, a pixel stays connected to where its class comes from, and the
    memory is that of two masks and the edge of what is filled, not 12 bytes for every pixel.

    Args:
        mask: uint8 `[H, W]`, class ids.
        empty: bool `[H, W]`.
        classes: How many there are; ids above, such as the ignored one, do not grow. Pixels that no
            class can reach stay as they are.
    """
    padded, open_ = np.pad(mask, 1, constant_values=255), np.pad(empty, 1)
    values, left, row = padded.reshape(-1), open_.reshape(-1), padded.shape[1]
    sides, corners = (-row, -1, 1, row), (-row - 1, -row + 1, row - 1, row + 1)

    def grow(front: NDArray[np.int64], steps: tuple[int, ...]) -> NDArray[np.int64]:
        grown = []
        for step in steps:
            reached = front[left[front + step]] + step
            values[reached] = values[reached - step]
            left[reached] = False
            grown.append(reached)
        return np.concatenate(grown)

    beside = cv2.dilate(open_.view(np.uint8), np.ones((3, 3), np.uint8))
    beside[open_] = 0
    beside[padded >= classes] = 0
    front = np.flatnonzero(beside)
    while front.size:
        front = grow(np.concatenate([front, grow(front, sides)]), sides + corners)
    return np.ascontiguousarray(padded[1:-1, 1:-1])
