"""Draw a photograph under its mask, with a legend of the classes and their shares below."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segdrone import figures
from segdrone.classes import ClassTable
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.windows import Size

_MIN_SIDE = 640  # pixels of the picture's longer side: smaller ones are enlarged by a whole number
_MAX_SIDE = 2000  # larger ones are reduced


def draw_overlay(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    table: ClassTable,
    shares: Sequence[float],
    numbers: NDArray[np.uint16] | None = None,
) -> NDArray[np.uint8]:
    """Draws a photograph under its mask, and below it the classes that occur, largest first.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        mask: uint8 `[H, W]`, class ids; ignored pixels are hatched in white.
        table: The classes of the mask.
        shares: Share of the area per class, 0 to 1.
        numbers: Numbers of things, uint16 `[H, W]`, to outline each of them and write its number; None for none.

    Returns:
        uint8 `[h, w, 3]`, RGB. The photograph in it has at most 2000 pixels on its longer side.

    Example:
        >>> table = ClassTable(names=("road", "grass"), colours=((90, 90, 90), (10, 180, 60)))
        >>> picture = draw_overlay(np.zeros((300, 700, 3), np.uint8), np.ones((300, 700), np.uint8), table, [0, 1])
        >>> picture.shape[0] > 300, picture.shape[1:]
        (True, (700, 3))
    """
    size: Size = (mask.shape[0], mask.shape[1])
    picture = _reduced_overlay(image, mask, table, min(1.0, _MAX_SIDE / max(size)))
    factor = math.ceil(_MIN_SIDE / max(picture.shape[:2]))
    picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    if numbers is not None:
        picture = figures.draw_things(picture, resize_mask(numbers, (picture.shape[0], picture.shape[1])))
    return _stack(picture, figures.shares_legend(table, shares, max(picture.shape[1], _MIN_SIDE)))


def _reduced_overlay(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], table: ClassTable, factor: float
) -> NDArray[np.uint8]:
    if factor < 1:
        size = max(1, round(mask.shape[0] * factor)), max(1, round(mask.shape[1] * factor))
        image, mask = resize_image(image, size, "area"), resize_mask(mask, size)
    return figures.overlay(image, mask, table)


def _stack(picture: NDArray[np.uint8], legend: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Puts a picture above a legend, horizontally centered."""
    height, width = picture.shape[:2]
    result = np.full((height + legend.shape[0], max(width, legend.shape[1]), 3), 255, np.uint8)
    left = (result.shape[1] - width) // 2
    result[:height, left : left + width] = picture
    result[height:, : legend.shape[1]] = legend
    return result
