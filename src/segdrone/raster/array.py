"""Read windows of an array in memory or of a memory map."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.windows import Size, Window


class ArraySource:
    """An `ImageSource` over an array.

    Args:
        pixels: uint8 `[H, W, 3]`, RGB; may be a memory map.
        valid: Which pixels are valid, bool `[H, W]`; None if all are.
        interpolation: How windows are resized: `area`, `linear` or `nearest`.

    Raises:
        DataError: An array has another type or shape.

    Example:
        >>> from segdrone.windows import Window
        >>> source = ArraySource(np.full((4, 6, 3), 7, np.uint8))
        >>> source.size, source.fully_valid
        ((4, 6), True)
        >>> source.read(Window(top=0, left=2, height=4, width=4), size=(2, 2)).shape
        (2, 2, 3)
    """

    def __init__(
        self, pixels: NDArray[np.uint8], valid: NDArray[np.bool_] | None = None, interpolation: str = "area"
    ) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise DataError(f"an array of {pixels.dtype} {list(pixels.shape)} is not an image: give uint8 [H, W, 3]")
        if valid is not None and (valid.dtype != np.bool_ or valid.shape != pixels.shape[:2]):
            raise DataError(
                f"validity of {valid.dtype} {list(valid.shape)} does not fit an image of {list(pixels.shape)}: "
                f"give bool {list(pixels.shape[:2])}"
            )
        self.interpolation = interpolation
        self.size: Size = (pixels.shape[0], pixels.shape[1])
        self.fully_valid = valid is None or bool(valid.all())
        self._pixels, self._valid = pixels, None if self.fully_valid else valid

    def read(self, window: Window, size: Size | None = None) -> NDArray[np.uint8]:
        """Returns a window as uint8 `[H, W, 3]`, RGB, resized to `size`; None is its own size."""
        pixels = _cut(self._pixels, window)
        return pixels if size in (None, pixels.shape[:2]) else resize_image(pixels, size, self.interpolation)

    def valid(self, window: Window, size: Size | None = None) -> NDArray[np.bool_]:
        """Returns which pixels of a window are valid: bool `[H, W]`, resized to `size` by nearest neighbor."""
        if self._valid is None:
            return np.ones(size or (window.height, window.width), np.bool_)
        valid = _cut(self._valid, window)
        if size is None or size == valid.shape:
            return valid
        return resize_mask(valid.view(np.uint8), size, self.interpolation).view(np.bool_)

    def resized(self, size: Size) -> ArraySource:
        """Returns the image in another size; every pixel of it counts as valid."""
        return ArraySource(self.read(Window(0, 0, *self.size), size), interpolation=self.interpolation)

    def release_pages(self) -> None:
        """Frees the memory of what has been read of memory maps; it can be read again."""
        for array in (self._pixels, self._valid):
            if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                array.base.madvise(mmap.MADV_DONTNEED)


def _cut(array: NDArray[Any], window: Window) -> NDArray[Any]:
    window.check_inside((array.shape[0], array.shape[1]))
    return array[window.rows, window.columns]
