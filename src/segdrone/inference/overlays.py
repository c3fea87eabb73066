"""A photograph under its mask, over a legend that says how much of it each class covers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segdrone import figures
from segdrone.classes import ClassTable
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.windows import Size

_LONGER_SIDE = (640, 2000)  # pixels of the picture, at least (enlarged by a whole number) and at most


def draw_overlay(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], table: ClassTable, shares: Sequence[float]
) -> NDArray[np.uint8]:
    """Draws a photograph under its mask, and below it the classes that occur, the largest first.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        mask: uint8 `[H, W]`.
        table: The classes of the mask.
        shares: Of the area, one a class, 0 to 1.

    Returns:
        uint8 `[h, w, 3]`, RGB; the picture in it has 2000 pixels at most on its longer side.
    """
    size: Size = (mask.shape[0], mask.shape[1])
    picture = _resized(image, mask, table, min(1.0, _LONGER_SIDE[1] / max(size)))
    times = math.ceil(_LONGER_SIDE[0] / max(picture.shape[:2]))
    picture = picture.repeat(times, axis=0).repeat(times, axis=1)
    return _above(picture, figures.shares_legend(table, shares, max(picture.shape[1], _LONGER_SIDE[0])))


def _resized(image: NDArray[np.uint8], mask: NDArray[np.uint8], table: ClassTable, factor: float) -> NDArray[np.uint8]:
    if factor < 1:
        size = max(1, round(mask.shape[0] * factor)), max(1, round(mask.shape[1] * factor))
        image, mask = resize_image(image, size, "area"), resize_mask(mask, size)
    return figures.overlay(image, mask, table)


def _above(picture: NDArray[np.uint8], legend: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Puts a picture amid the width of its legend."""
    height, width = picture.shape[:2]
    whole = np.full((height + legend.shape[0], max(width, legend.shape[1]), 3), 255, np.uint8)
    left = (whole.shape[1] - width) // 2
    whole[:height, left : left + width] = picture
    whole[height:, : legend.shape[1]] = legend
    return whole
