"""Draw legends below an overlay and inside a video frame, without matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segdrone.classes import ClassTable
from segdrone.windows import Size

_INSET_TEXT = 1 / 60  # height of the text as a share of the frame's shorter side
_INSET_MIN_TEXT = 10  # pixels: smaller text cannot be read
_INSET_MAX_AREA = 1 / 8  # of the frame: a larger legend would hide too much and is left out
_INSET_OPACITY = 0.75


def shares_legend(table: ClassTable, shares: Sequence[float], width: int) -> NDArray[np.uint8]:
    """Draws color, name and share of each class that occurs, largest first, in rows of equal columns.

    Args:
        table: The classes.
        shares: Share of the area per class, `[C]`, 0 to 1.
        width: Width in pixels that the legend should have. It gets wider if a name does not fit.

    Returns:
        uint8 `[h, w, 3]`, RGB, on white.
    """
    order = sorted((i for i, share in enumerate(shares) if share > 0), key=lambda i: -shares[i])
    texts = [f"{table.names[i]}  {_percent(shares[i])}" for i in order]
    text_height = int(np.clip(width / 70, 14, 24))
    font, gap = load_font(text_height), text_height // 2
    cell = max((math.ceil(font.getlength(text)) for text in texts), default=0) + 2 * text_height + 3 * gap
    columns = max(1, min(len(texts), (width - gap) // cell))
    line = text_height + 2 * gap
    legend = Image.new("RGB", (max(width, cell + gap), math.ceil(len(texts) / columns) * line + gap), "white")
    draw = ImageDraw.Draw(legend)
    for position, (i, text) in enumerate(zip(order, texts, strict=True)):
        row, column = divmod(position, columns)
        left, top = gap + column * cell, gap + row * line
        box = (left, top, left + 2 * text_height, top + text_height)
        draw.rectangle(box, fill=table.colours[i], outline="grey")
        draw.text((left + 2 * text_height + gap, top + text_height // 2), text, fill="black", font=font, anchor="lm")
    return np.asarray(legend)


class InsetLegend:
    """A translucent legend of all classes in the lower left corner of a picture, for video frames.

    It shows the same classes in every frame. It is left out of pictures so small that readable text would
    cover more than an eighth of the area.

    Args:
        table: The classes.
        size: Height and width of the pictures in pixels.
    """

    def __init__(self, table: ClassTable, size: Size) -> None:
        text = max(_INSET_MIN_TEXT, round(min(size) * _INSET_TEXT))
        panel = _inset_panel(table, text, size[0] // 3)
        margin = text // 2
        inside = all(side + 2 * margin <= room for side, room in zip(panel.shape, size, strict=False))
        fits = inside and panel[..., 0].size <= _INSET_MAX_AREA * math.prod(size)
        self._panel = panel if fits else None
        self._rows = slice(size[0] - margin - panel.shape[0], size[0] - margin)
        self._columns = slice(margin, margin + panel.shape[1])

    def draw(self, picture: NDArray[np.uint8]) -> None:
        """Draws the legend into a picture, uint8 `[H, W, 3]`, RGB, in place."""
        if self._panel is not None:
            corner = picture[self._rows, self._columns]
            corner[:] = cv2.addWeighted(corner, 1 - _INSET_OPACITY, self._panel, _INSET_OPACITY, 0)


def _inset_panel(table: ClassTable, text: int, max_height: int) -> NDArray[np.uint8]:
    """Returns the legend, uint8 `[h, w, 3]`, in as few columns as `max_height` in pixels allows."""
    font, line = load_font(text), round(1.35 * text)
    columns = math.ceil(len(table) / max(1, max_height // line))
    rows = math.ceil(len(table) / columns)
    width = math.ceil(max(font.getlength(name) for name in table.names)) + 2 * line
    panel = Image.new("RGB", (columns * width + line // 2, rows * line + line // 2), (20, 20, 20))
    draw = ImageDraw.Draw(panel)
    for position, (name, color) in enumerate(zip(table.names, table.colours, strict=True)):
        left, top = position // rows * width + line // 2, position % rows * line + line // 4
        draw.rectangle((left, top + line // 6, left + text, top + line // 6 + 0.8 * text), color, (200, 200, 200))
        draw.text((left + 1.5 * text, top + line / 2), name, "white", font, anchor="lm")
    return np.asarray(panel)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %" if share >= 0.00005 else "< 0.01 %"


@cache
def load_font(height: int) -> ImageFont.FreeTypeFont:
    """Returns the font of matplotlib's figures, which covers most alphabets."""
    return ImageFont.truetype(Path(__file__).with_name("DejaVuSans.ttf"), height)
