"""Draw the outlines and numbers of things on a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segdrone.figures.legend import load_font

_TEXT = 13  # pixels: height of a number
_LEAST_SIDE = 10  # pixels: smaller things have an outline only
_COLORS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167))
"""Okabe and Ito, "Color Universal Design", 2008: told apart by all kinds of color vision."""


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


def outline_things(picture: NDArray[np.uint8], numbers: NDArray[np.uint16], chosen: Sequence[int]) -> NDArray[np.uint8]:
    """Draws thick colored outlines around chosen things, and thin white ones around others.

    Several chosen ones have 1, 2, ... in their middles.

    Args:
        picture: uint8 `[H, W, 3]`, RGB.
        numbers: Number of the thing, uint16 `[H, W]`; 0 for none.
        chosen: Numbers of things, in the order in which they are counted.

    Returns:
        uint8 `[H, W, 3]`, RGB.

    Example:
        >>> picture, numbers = np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint16)
        >>> numbers[2:7, 2:7] = 7
        >>> outline_things(picture, numbers, [7])[2, 4].tolist()
        [230, 159, 0]
    """
    drawn = picture.copy()
    order = {number: i for i, number in enumerate(chosen)}
    present = [int(number) for number in np.unique(numbers) if number]
    for number in sorted(present, key=lambda number: number in order):
        mask = (numbers == number).view(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        if number in order:
            cv2.drawContours(drawn, outlines, -1, (0, 0, 0), 4)
            cv2.drawContours(drawn, outlines, -1, _COLORS[order[number] % len(_COLORS)], 2)
        else:
            cv2.drawContours(drawn, outlines, -1, (255, 255, 255), 1)
    image = Image.fromarray(drawn)
    canvas, font = ImageDraw.Draw(image), load_font(_TEXT)
    for number, x, y in _middles(numbers) if len(chosen) > 1 else ():
        if number in order:
            text = str(order[number] + 1)
            canvas.text((x, y), text, fill="white", font=font, anchor="mm", stroke_width=2, stroke_fill="black")
    return np.array(image)


def _middles(numbers: NDArray[Any]) -> list[tuple[int, float, float]]:
    """Returns number, column and row of the middle of each thing that is large enough for a text."""
    rows, columns = np.nonzero(numbers)
    found = numbers[rows, columns]
    areas = np.bincount(found)
    middles = [np.bincount(found, places) for places in (columns, rows)]
    large = np.flatnonzero(areas >= _LEAST_SIDE**2)
    return [(int(n), float(middles[0][n] / areas[n]), float(middles[1][n] / areas[n])) for n in large]
