"""Smooth masks over time."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError


class TemporalMajority:
    """Gives each pixel the class that most of the last masks give it; of a tie, the one seen last.

    The masks are kept as they are, `length` bytes a pixel, whatever the number of classes.

    Args:
        length: Number of masks that vote, 1 to 255; the first ones of a film are fewer.

    Raises:
        ConfigError: `length` is out of its range.
    """

    def __init__(self, length: int) -> None:
        if not 1 <= length <= 255:  # votes are counted in a byte
            raise ConfigError(f"smooth={length} must be a number of frames from 1, which smooths nothing, to 255")
        self._masks: deque[NDArray[np.uint8]] = deque(maxlen=length)  # the newest first

    def __call__(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Takes the next mask, uint8 `[H, W]`, which must stay as it is, and returns the smoothed one."""
        self._masks.appendleft(mask)
        masks = list(self._masks)
        winner, most = mask.copy(), np.zeros(mask.shape, np.uint8)
        for place, candidate in enumerate(masks):
            if len(masks) - place <= most.min():
                break  # none of the older ones can get more votes
            # Newer masks need not be asked: where one is of this class, it has had these votes and its own.
            votes = np.ones(mask.shape, np.uint8)
            for older in masks[place + 1 :]:
                votes += candidate == older
            np.copyto(winner, candidate, where=votes > most)
            np.maximum(most, votes, out=most)
        return winner
