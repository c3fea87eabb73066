"""Draw the outlines and numbers of things on a picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segdrone.figures.legend import load_font

_TEXT = 13  # pixels: height of a number
_LEAST_SIDE = 10  # pixels: smaller things have an outline only


def draw_things(picture: NDArray[np.uint8], numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Draws a white outline around each thing, and its number in its middle.

    Args:
        picture: uint8 `[H, W, 3]`, RGB.
        numbers: Number of the thing, uint16 or int32 `[H, W]`, below 2^24; 0 for none.

    Returns:
        uint8 `[H, W, 3]`, RGB.

    Example:
        >>> picture, numbers = np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint16)
        >>> numbers[3:6, 3:6] = 7
        >>> draw_things(picture, numbers)[..., 0].tolist()[3]
        [0, 0, 0, 255, 255, 255, 0, 0, 0]
    """
    drawn = picture.copy()
    values = numbers.astype(np.float32)  # OpenCV compares no integers of 32 bits
    smallest, largest = (change(values, np.ones((3, 3), np.uint8)) for change in (cv2.erode, cv2.dilate))
    drawn[(smallest != largest) & (numbers > 0)] = 255
    image = Image.fromarray(drawn)
    canvas, font = ImageDraw.Draw(image), load_font(_TEXT)
    for number, x, y in _middles(numbers):
        canvas.text((x, y), str(number), fill="white", font=font, anchor="mm", stroke_width=2, stroke_fill="black")
    return np.array(image)


def _middles(numbers: NDArray[Any]) -> list[tuple[int, float, float]]:
    """Returns number, column and row of the middle of each thing that is large enough for a text."""
    rows, columns = np.nonzero(numbers)
    found = numbers[rows, columns]
    areas = np.bincount(found)
    middles = [np.bincount(found, places) for places in (columns, rows)]
    large = np.flatnonzero(areas >= _LEAST_SIDE**2)
    return [(int(n), float(middles[0][n] / areas[n]), float(middles[1][n] / areas[n])) for n in large]
