"""A legend inside a picture, for a film, which has no margin."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segdrone.classes import ClassTable
from segdrone.windows import Size

_TEXT = 1 / 60  # of the picture's shorter side
_SMALLEST = 10  # pixels: the smallest text that can be read
_MOST = 1 / 8  # of the picture's area: a larger panel would hide too much, and is left out
_OPACITY = 0.75


class Legend:
    """A panel with all classes of a table in the lower left corner, through which the scene can be seen.

    It shows the same classes throughout, so that it stays as it is from frame to frame. A picture in
    which readable text would fill more than an eighth of the area gets none.

    Args:
        table: The classes.
        size: Height and width of the pictures in pixels.
    """

    def __init__(self, table: ClassTable, size: Size) -> None:
        text = max(_SMALLEST, round(min(size) * _TEXT))
        panel = _panel(table, text, size[0] // 3)
        margin = text // 2
        inside = all(side + 2 * margin <= room for side, room in zip(panel.shape, size, strict=False))
        fits = inside and panel[..., 0].size <= _MOST * math.prod(size)
        self._panel = panel if fits else None
        self._rows = slice(size[0] - margin - panel.shape[0], size[0] - margin)
        self._columns = slice(margin, margin + panel.shape[1])

    def draw(self, picture: NDArray[np.uint8]) -> None:
        """Draws the legend into a picture, uint8 `[H, W, 3]`, RGB."""
        if self._panel is not None:
            corner = picture[self._rows, self._columns]
            corner[:] = cv2.addWeighted(corner, 1 - _OPACITY, self._panel, _OPACITY, 0)


def _panel(table: ClassTable, text: int, height: int) -> NDArray[np.uint8]:
    """Returns the panel, uint8 `[h, w, 3]`, in as few columns as a height in pixels allows."""
    font, line = ImageFont.load_default(text), round(1.35 * text)
    columns = math.ceil(len(table) / max(1, height // line))
    rows = math.ceil(len(table) / columns)
    width = math.ceil(max(font.getlength(name) for name in table.names)) + 2 * line
    panel = Image.new("RGB", (columns * width + line // 2, rows * line + line // 2), (20, 20, 20))
    draw = ImageDraw.Draw(panel)
    for place, (name, colour) in enumerate(zip(table.names, table.colours, strict=True)):
        left, top = place // rows * width + line // 2, place % rows * line + line // 4
        draw.rectangle((left, top + line // 6, left + text, top + line // 6 + 0.8 * text), colour, (200, 200, 200))
        draw.text((left + 1.5 * text, top + line / 2), name, "white", font, anchor="lm")
    return np.asarray(panel)
