"""Resize and count pixels of photographs and masks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Size


def resize_image(image: NDArray[np.uint8], size: Size, interpolation: str) -> NDArray[np.uint8]:
    """Resizes a photograph to `size` (height, width) by one of `INTERPOLATIONS`."""
    return np.asarray(cv2.resize(image, size[::-1], interpolation=INTERPOLATIONS[interpolation]), np.uint8)


def resize_mask(mask: NDArray[np.uint8], size: Size, interpolation: str = "area") -> NDArray[np.uint8]:
    """Resizes a mask to `size` (height, width) as its photograph is by `interpolation`.

    Ids cannot be averaged, so a pixel is always one of the old ones: that in the middle of the area it
    covers; by `nearest` that in its upper left corner, where OpenCV's nearest, the tutorial's, takes
    the photograph's pixel.
    """
    nearest = cv2.INTER_NEAREST if interpolation == "nearest" else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=nearest), np.uint8)


INTERPOLATIONS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}


def count_values(pixels: NDArray[np.uint8], channel: int = 0) -> NDArray[np.int64]:
    """Returns the pixels of each value, int64 `[256]`, of a mask or of a channel of a photograph."""
    counts = np.zeros(256, np.int64)
    for rows in np.array_split(pixels, 1 + pixels.size // 2**23):  # OpenCV counts in float32, exact to 2**24
        counts += cv2.calcHist([rows], [channel], None, [256], [0, 256]).ravel().astype(np.int64)
    return counts
