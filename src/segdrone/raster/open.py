"""Open an image file for reading by windows."""

from __future__ import annotations

from pathlib import Path

from segdrone.raster.photograph import PhotographSource
from segdrone.raster.source import ImageSource


def open_image(path: str | Path, interpolation: str = "area") -> ImageSource:
    """Opens an image file: a JPEG, PNG, TIFF or WebP photograph.

    Only the header is read. A truncated file is noticed by the first read.

    Args:
        path: The file.
        interpolation: How windows are resized: `area`, `linear` or `nearest`.

    Raises:
        DataError: The file is missing, is not an image, or does not have 8 bits per channel.
    """
    return PhotographSource(path, interpolation)
