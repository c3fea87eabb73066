"""Draw values over a photograph in colors."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_OPACITY = 0.75  # of the colors


def heat_overlay(image: NDArray[np.uint8], values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draws values over the gray photograph: dark where they are 0, bright yellow at 1 and above.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        values: float32 `[h, w]`, over the same area at any size.

    Returns:
        uint8 `[H, W, 3]`, RGB.

    Example:
        >>> drawn = heat_overlay(np.full((2, 4, 3), 128, np.uint8), np.array([[0, 1]], np.float32))
        >>> bool(drawn[0, -1].sum() > drawn[0, 0].sum())
        True
    """
    resized = cv2.resize(values, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    levels = np.rint(np.clip(resized, 0, 1) * 255).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(gray, 1 - _OPACITY, colors, _OPACITY, 0), np.uint8)
