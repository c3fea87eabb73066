"""Render matplotlib figures, and measure the colors in them."""

from __future__ import annotations

import io

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segdrone.classes import ClassTable

TABLE = ClassTable(("road", "grass", "roof"), ((200, 10, 40), (10, 180, 60), (20, 60, 220)))


def render(figure: Figure) -> NDArray[np.uint8]:
    """Returns the figure as `save` writes it, uint8 `[H, W, 3]`, RGB."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    pixels = cv2.imdecode(np.frombuffer(buffer.getvalue(), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    np.testing.assert_allclose(pixels.shape[1::-1], figure.get_size_inches() * figure.dpi, atol=1)
    return np.asarray(pixels, np.uint8)


def share_of(pixels: NDArray[np.uint8], color: tuple[int, ...]) -> float:
    """Returns the share of the pixels that have exactly this color."""
    return float((pixels == color).all(-1).mean())
