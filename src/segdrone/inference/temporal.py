"""Smooth masks over time."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError


class TemporalMajority:
    """Returns for each pixel the most frequent class of the last masks; of equal counts, the most recent class.

    The masks are kept as they are: `length` bytes per pixel, for any number of classes.

    Args:
        length: Number of masks that vote, 1 to 255; fewer at the beginning of a video.

    Raises:
        ConfigError: `length` is out of its range.

    Example:
        >>> vote = TemporalMajority(3)
        >>> [int(vote(np.array([[class_id]], np.uint8))[0, 0]) for class_id in (1, 1, 2, 2)]
        [1, 1, 1, 2]
    """

    def __init__(self, length: int) -> None:
        if not 1 <= length <= 255:  # votes are counted in a byte
            raise ConfigError(f"smooth={length} must be a number of frames from 1, which smooths nothing, to 255")
        self._masks: deque[NDArray[np.uint8]] = deque(maxlen=length)  # newest first

    def __call__(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Adds the next mask, uint8 `[H, W]`, which must not be changed later, and returns the smoothed one."""
        self._masks.appendleft(mask)
        masks = list(self._masks)
        winner, most_votes = mask.copy(), np.zeros(mask.shape, np.uint8)
        for position, candidate in enumerate(masks):
            if len(masks) - position <= most_votes.min():
                break  # no older mask can get more votes
            # Newer masks need no count: if one has this class, these votes were counted for it, and its own.
            votes = np.ones(mask.shape, np.uint8)
            for older in masks[position + 1 :]:
                votes += candidate == older
            np.copyto(winner, candidate, where=votes > most_votes)
            np.maximum(most_votes, votes, out=most_votes)
        return winner
