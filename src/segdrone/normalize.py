"""Normalize photographs: the only place where uint8 pixels become the values that a network takes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's photographs, by channel, of pixels scaled to 0..1."""


class Normalize:
    """Scales pixels to 0..1, subtracts a mean and divides by a standard deviation, in one look-up.

    Args:
        mean: Mean of the red, green and blue channel, of pixels scaled to 0..1.
        std: Standard deviation of these channels.

    Example:
        >>> normalize = Normalize(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> normalize(np.full((1, 1, 3), 255, np.uint8)).tolist()
        [[[1.0, 1.0, 1.0]]]
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        values = (np.arange(256)[:, None] / 255 - np.array(mean)) / np.array(std)
        self._table = values.astype(np.float32)[None]  # normalized value of each uint8 value, by channel

    def __call__(self, image: NDArray[np.uint8], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Returns a normalized image.

        Args:
            image: uint8 `[H, W, 3]`, RGB.
            out: Array to write to, float32 `[H, W, 3]`, contiguous; None makes a new one.

        Returns:
            float32 `[H, W, 3]`.
        """
        return np.asarray(cv2.LUT(np.ascontiguousarray(image), self._table, dst=out), np.float32)
