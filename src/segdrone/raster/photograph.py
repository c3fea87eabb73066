"""Read a photograph, and keep a large one on disk rather than in memory."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.raster.decode import read_bands, read_image, read_size

_LARGE = 35_000_000  # pixels: 105 MB


def open_photograph(path: Path) -> NDArray[np.uint8]:
    """Returns a photograph as uint8 `[H, W, 3]`, RGB, read-only; a large one lies in a temporary file.

    The file has no name and goes with the array. Where the disk is full, the photograph stays in memory.

    Raises:
        DataError: As `read_image`.
    """
    height, width = read_size(path)
    if height * width < _LARGE:
        return read_image(path)
    with tempfile.TemporaryFile(prefix="segdrone-") as file:
        try:
            for band in read_bands(path):
                file.write(band.tobytes())
            file.flush()
        except OSError:
            return read_image(path)
        return np.memmap(file, np.uint8, "r", shape=(height, width, 3))


def release_pages(image: NDArray[np.uint8]) -> None:
    """Frees the memory that what was read of a photograph on disk takes; it can be read again."""
    if isinstance(image, np.memmap) and isinstance(image.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        image.base.madvise(mmap.MADV_DONTNEED)
