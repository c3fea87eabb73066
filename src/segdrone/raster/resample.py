"""Resize an image window by window: each pixel is the same, whatever the window that it is read in."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.raster.source import ImageSource
from segdrone.windows import Size, Window


class Taps(NamedTuple):
    """The pixels of a side that make each pixel of the resized side.

    Attributes:
        place: Their positions, int64 `[N, K]`.
        weight: Their weights, float32 `[N, K]`; each row sums to 1.
    """

    place: NDArray[np.int64]
    weight: NDArray[np.float32]


def taps(begin: int, end: int, length: int, resized: int, interpolation: str) -> Taps:
    """Returns what makes the pixels `begin` to `end` of a side that is resized from `length` to `resized` pixels.

    The weights are those of OpenCV: `area` weighs by the part of each pixel that is covered, and softens borders
    where it enlarges; `linear` weighs the two nearest centers; `nearest` takes the pixel of the upper left corner.

    Example:
        >>> area = taps(0, 2, length=5, resized=2, interpolation="area")
        >>> area.place.tolist(), (5 * area.weight).round().tolist()
        ([[0, 1, 2, 3], [2, 3, 4, 4]], [[2.0, 2.0, 1.0, 0.0], [1.0, 2.0, 2.0, 0.0]])
    """
    scale = length / resized
    places = np.arange(begin, end, dtype=np.float64)
    if interpolation == "nearest":
        index = np.minimum((places * scale).astype(np.int64), length - 1)[:, None]
        return Taps(index, np.ones(index.shape, np.float32))
    if interpolation == "linear":
        position = ((places + 0.5) * scale - 0.5).clip(0, length - 1)
        before = position.astype(np.int64)
        return _between(before, position - before, length)
    if scale < 1:  # enlarged by area
        before = (places * scale).astype(np.int64)
        return _between(before, ((places + 1) - (before + 1) / scale).clip(0, 1), length)
    first, last = places * scale, (places + 1) * scale
    index = first.astype(np.int64)[:, None] + np.arange(math.ceil(scale) + 1)
    covered = np.minimum(last[:, None], index + 1) - np.maximum(first[:, None], index)
    weight = (covered.clip(0, None) / scale).astype(np.float32)
    weight[index >= length] = 0
    return Taps(np.minimum(index, length - 1), weight)


def _between(before: NDArray[np.int64], share: NDArray[np.float64], length: int) -> Taps:
    index = np.stack([before, np.minimum(before + 1, length - 1)], axis=1)
    return Taps(index, np.stack([1 - share, share], axis=1).astype(np.float32))


class ResampledSource:
    """An `ImageSource` that shows another one in another size, and holds no more of it than the window that is read.

    Args:
        source: The image.
        size: Height and width of the resized image.
        interpolation: `area`, `linear` or `nearest`.
    """

    def __init__(self, source: ImageSource, size: Size, interpolation: str) -> None:
        self.size, self.interpolation, self._source = size, interpolation, source

    @property
    def fully_valid(self) -> bool:
        """Whether every pixel is valid."""
        return self._source.fully_valid

    def read(self, window: Window, size: Size | None = None) -> NDArray[np.uint8]:
        """Returns a window as uint8 `[H, W, 3]`, RGB, resized again to `size`; None is its own size."""
        rows, columns = self._taps(window)
        part = self._part(rows, columns)
        pixels = self._source.read(part)
        mixed = _mix(pixels.reshape(len(pixels), -1), rows, part.top).reshape(window.height, part.width, 3)
        mixed = _mix(mixed.swapaxes(0, 1), columns, part.left).swapaxes(0, 1)
        result = np.rint(mixed).clip(0, 255).astype(np.uint8)
        return result if size is None or size == result.shape[:2] else resize_image(result, size, self.interpolation)

    def valid(self, window: Window, size: Size | None = None) -> NDArray[np.bool_]:
        """Returns which pixels of a window are valid: bool `[H, W]`: those in the middle of what they cover."""
        if self._source.fully_valid:
            return np.ones(size or (window.height, window.width), np.bool_)
        rows, columns = (
            np.minimum(((np.arange(start, start + length) + 0.5) * whole / resized).astype(np.int64), whole - 1)
            for start, length, whole, resized in zip(window[:2], window[2:], self._source.size, self.size, strict=True)
        )
        part = Window(int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1)
        valid: NDArray[np.bool_] = self._source.valid(part)[np.ix_(rows - part.top, columns - part.left)]
        if size is None or size == valid.shape:
            return valid
        return resize_mask(valid.view(np.uint8), size, self.interpolation).view(np.bool_)

    def resized(self, size: Size) -> ImageSource:
        """Returns the image in yet another size."""
        return ResampledSource(self._source, size, self.interpolation)

    def release_pages(self) -> None:
        """Frees the memory of pixels that have been read from disk; they can be read again."""
        self._source.release_pages()

    def _taps(self, window: Window) -> list[Taps]:
        return [
            taps(start, start + length, whole, resized, self.interpolation)
            for start, length, whole, resized in zip(window[:2], window[2:], self._source.size, self.size, strict=True)
        ]

    def _part(self, rows: Taps, columns: Taps) -> Window:
        """Returns the window of the source that the taps need."""
        (top, left), (bottom, right) = (
            [int(extreme(side.place)) for side in (rows, columns)] for extreme in (np.min, np.max)
        )
        return Window(top, left, bottom - top + 1, right - left + 1)


def _mix(values: NDArray[np.uint8] | NDArray[np.float32], sides: Taps, start: int) -> NDArray[np.float32]:
    """Returns the weighted sums of rows, float32 `[N, ...]`; the first row of `values` has the position `start`.

    Each element is computed alone, so it does not depend on what is computed with it.
    """
    shape = (-1,) + (1,) * (values.ndim - 1)
    index = sides.place - start
    total = values[index[:, 0]] * sides.weight[:, 0].reshape(shape)
    for tap in range(1, index.shape[1]):
        total += values[index[:, tap]] * sides.weight[:, tap].reshape(shape)
    return np.asarray(total, np.float32)
