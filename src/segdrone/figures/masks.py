"""Draw masks in the colors of their classes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable


def colorize(mask: NDArray[np.uint8], table: ClassTable) -> NDArray[np.uint8]:
    """Replaces class ids by the colors of the class table.

    Args:
        mask: uint8 `[H, W]`, class ids and the ignored id.
        table: The classes of the mask.

    Returns:
        uint8 `[H, W, 3]`, RGB; ignored pixels are white.

    Example:
        >>> table = ClassTable(names=("road", "grass"), colours=((90, 90, 90), (10, 180, 60)))
        >>> colorize(np.array([[0, 1, 255]], np.uint8), table).tolist()
        [[[90, 90, 90], [10, 180, 60], [255, 255, 255]]]
    """
    return table.palette.take(mask, axis=0)


def overlay(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], table: ClassTable, opacity: float = 0.55
) -> NDArray[np.uint8]:
    """Blends a mask into its image and draws an opaque line along the inner borders of the classes.

    Ignored pixels are hatched in white.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        mask: uint8 `[H, W]`, class ids and the ignored id.
        table: The classes of the mask.
        opacity: Weight of the class colors, 0 to 1.

    Returns:
        uint8 `[H, W, 3]`, RGB.
    """
    colors = colorize(mask, table)
    blended = np.asarray(cv2.addWeighted(image, 1 - opacity, colors, opacity, 0), np.uint8)
    opaque = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))  # not 0 at borders only
    ignored = mask == table.ignore_index
    if ignored.any():
        rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
        stripes = (rows + columns) % 8 < 3
        opaque[ignored] = stripes[ignored]
        cv2.copyTo(image, ignored.view(np.uint8), blended)
    cv2.copyTo(colors, opaque, blended)
    return blended


def highlight(image: NDArray[np.uint8], colors: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Shows some pixels in colors on a pale gray image.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        colors: Colors of the pixels to show, uint8 `[H, W, 3]`, RGB.
        where: Which pixels to show, bool `[H, W]`.

    Returns:
        uint8 `[H, W, 3]`, RGB.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    pale = cv2.cvtColor(np.asarray(160 + gray // 3, np.uint8), cv2.COLOR_GRAY2RGB)
    return np.where(where[..., None], colors, pale).astype(np.uint8)
