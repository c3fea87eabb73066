"""Choose which bands of a file are red, green and blue, and how more than 8 bits become 8."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError


class Channels(NamedTuple):
    """How the bands of photographs become RGB, the same in training and prediction.

    Attributes:
        bands: Numbers of the bands that are red, green and blue, counted from 1. All others are left out, also an
            alpha channel. None takes what the file's header says.
        stretch: Values that become 0 and 255, for bands of more than 8 bits; bands of 8 bits are kept as they are.
    """

    bands: tuple[int, int, int] | None = None
    stretch: tuple[float, float] | None = None

    def __str__(self) -> str:
        """The options as in a command; empty if there are none, as in versions that had none."""
        parts = [f"data.bands={list(self.bands)}"] if self.bands else []
        ends = [f"{end:g}" if float(f"{end:g}") == end else repr(end) for end in self.stretch or ()]  # none is rounded
        parts += [f"data.stretch=[{','.join(ends)}]"] if ends else []
        return " ".join(parts).replace(", ", ",")


AS_STORED = Channels()
"""The bands and the 8 bits that the header of a file names."""


def choose_of_three(pixels: NDArray[np.uint8], bands: tuple[int, int, int] | None, name: str) -> NDArray[np.uint8]:
    """Returns red, green and blue of an image that has three bands, uint8 `[H, W, 3]`, as `Channels.bands` choose them.

    Args:
        pixels: uint8 `[H, W, 3]`.
        bands: Numbers of the bands, counted from 1; None keeps all as they are.
        name: Of the file, for errors.

    Raises:
        DataError: It does not have them.

    Example:
        >>> choose_of_three(np.array([[[10, 20, 30]]], np.uint8), (3, 2, 1), "a.mp4").tolist()
        [[[30, 20, 10]]]
    """
    if bands is None:
        return pixels
    if max(bands) > 3:
        wanted = ", ".join(map(str, bands))
        raise DataError(f"{name} has three bands, and the model takes the bands {wanted}: give files that have them")
    return np.ascontiguousarray(pixels[..., [number - 1 for number in bands]])


def to_eight_bit(values: NDArray[Any], stretch: tuple[float, float]) -> NDArray[np.uint8]:
    """Returns values of any type as uint8 of the same shape: linear between the ends, clipped beyond them; NaN is 0.

    Example:
        >>> to_eight_bit(np.array([0, 100, 2048, 4095, 9000], np.uint16), (0, 4095)).tolist()
        [0, 6, 128, 255, 255]
    """
    if values.dtype in (np.uint16, np.int16):  # by a table, in a fraction of the time
        every = np.arange(1 << 16, dtype=np.uint16).view(values.dtype)
        return np.asarray(_scale(every, stretch)[values.view(np.uint16)])
    return _scale(values, stretch)


def _scale(values: NDArray[Any], stretch: tuple[float, float]) -> NDArray[np.uint8]:
    black, white = stretch
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values.astype(np.float64) - black) * (255 / (white - black))
    return np.rint(np.clip(np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0), 0, 255)).astype(np.uint8)
