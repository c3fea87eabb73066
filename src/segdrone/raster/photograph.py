"""Read windows of an image file that Pillow decodes; large images are kept on disk, not in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.array import ArraySource
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.raster.decode import Band, read_bands
from segdrone.raster.header import check_photograph, read_header
from segdrone.windows import Size, Window

_LARGE = 35_000_000  # pixels: 105 MB

_Decoded = tuple[NDArray[np.uint8], NDArray[np.bool_] | None]  # pixels, validity


class PhotographSource:
    """An `ImageSource` over a JPEG, PNG, TIFF or WebP file.

    The first read decodes the whole image. From 35 megapixels on, it is kept in a temporary file without a name, which
    vanishes with the object; if the disk is full, it stays in memory. `read` of the whole image returns the pixels of
    `read_image`, resized.

    Args:
        path: The file.
        interpolation: How windows are resized: `area`, `linear` or `nearest`.
        channels: Which bands are red, green and blue, and how more than 8 bits become 8.

    Attributes:
        path: The file.
        header: Size, mode and orientation.

    Raises:
        DataError: The file is missing, is not an image, or does not give 8-bit RGB with these channels. A truncated
            file is noticed by `read`.
    """

    def __init__(self, path: str | Path, interpolation: str = "area", channels: Channels = AS_STORED) -> None:
        self.path, self.interpolation, self.channels = Path(path), interpolation, channels
        self.header = read_header(self.path, channels)
        check_photograph(self.path, self.header, channels)
        self._array: ArraySource | None = None

    @property
    def size(self) -> Size:
        """Height and width in pixels as displayed, i.e. with the EXIF orientation applied."""
        return self.header.size

    @property
    def fully_valid(self) -> bool:
        """Whether every pixel is valid. Decodes the image only if `header.marks_no_data`."""
        return not self.header.marks_no_data or self._decoded.fully_valid

    def read(self, window: Window, size: Size | None = None) -> NDArray[np.uint8]:
        """Returns a window as uint8 `[H, W, 3]`, RGB, resized to `size`; None is its own size.

        Raises:
            DataError: The file cannot be decoded, or has changed since it was opened.
            ValueError: The window is not inside the image.
        """
        return self._decoded.read(window, size)

    def valid(self, window: Window, size: Size | None = None) -> NDArray[np.bool_]:
        """Returns which pixels of a window are valid: bool `[H, W]`, resized to `size` by nearest neighbor.

        Raises:
            DataError: The file cannot be decoded, or has changed since it was opened.
            ValueError: The window is not inside the image.
        """
        if not self.header.marks_no_data:
            return np.ones(size or (window.height, window.width), np.bool_)
        return self._decoded.valid(window, size)

    def resized(self, size: Size) -> ArraySource:
        """Returns the photograph in another size; every pixel of it counts as valid.

        Raises:
            DataError: The file cannot be decoded, or has changed since it was opened.
        """
        return self._decoded.resized(size)

    def release_pages(self) -> None:
        """Frees the memory of what has been read of an image on disk; it can be read again."""
        if self._array is not None:
            self._array.release_pages()

    @property
    def _decoded(self) -> ArraySource:
        if self._array is None:
            large = self.size[0] * self.size[1] >= _LARGE
            pixels, valid = self._decode_to_disk() if large else self._decode_to_memory()
            pixels.setflags(write=False)
            self._array = ArraySource(pixels, valid, self.interpolation)
        return self._array

    def _decode_to_memory(self) -> _Decoded:
        pixels = np.empty((*self.size, 3), np.uint8)
        valid = np.empty(self.size, np.bool_) if self.header.marks_no_data else None
        for top, band in self._bands():
            rows = slice(top, top + len(band.pixels))
            pixels[rows] = band.pixels
            if valid is not None:
                valid[rows] = band.valid
        return pixels, valid

    def _decode_to_disk(self) -> _Decoded:
        try:
            with tempfile.TemporaryFile(prefix="segdrone-") as pixels, tempfile.TemporaryFile() as valid:
                for _, band in self._bands():
                    pixels.write(band.pixels.tobytes())
                    valid.write(band.valid.tobytes() if band.valid is not None else b"")
                pixels.flush()
                valid.flush()
                return (
                    np.memmap(pixels, np.uint8, "r", shape=(*self.size, 3)),
                    np.memmap(valid, np.bool_, "r", shape=self.size) if self.header.marks_no_data else None,
                )
        except OSError:  # the disk is full
            return self._decode_to_memory()

    def _bands(self) -> Iterator[tuple[int, Band]]:
        """Yields bands with their first row, and checks that the file is still the one that was opened."""
        (height, width), top = self.size, 0
        for band in read_bands(self.path, self.channels):
            fits = band.pixels.shape[1] == width and (band.valid is not None) == self.header.marks_no_data
            if not fits or top + len(band.pixels) > height:
                break
            yield top, band
            top += len(band.pixels)
        if top != height:
            raise DataError(f"{self.path} has changed since it was opened: do not write to it meanwhile, and try again")
