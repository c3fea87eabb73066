"""Open an image file for reading by windows."""

from __future__ import annotations

from pathlib import Path

from segdrone.raster.channels import Channels
from segdrone.raster.photograph import PhotographSource
from segdrone.raster.source import ImageSource


def open_image(
    path: str | Path,
    interpolation: str = "area",
    *,
    bands: tuple[int, int, int] | None = None,
    stretch: tuple[float, float] | None = None,
) -> ImageSource:
    """Opens an image file: a JPEG, PNG, TIFF or WebP photograph.

    Only the header is read. A truncated file is noticed by the first read.

    Args:
        path: The file.
        interpolation: How windows are resized: `area`, `linear` or `nearest`.
        bands: Numbers of the bands that are red, green and blue, counted from 1; None if the file's header says it.
        stretch: Values that become 0 and 255, for files of more than 8 bits per channel.

    Raises:
        DataError: The file is missing, is not an image, or does not give 8-bit RGB with these bands and this stretch.
    """
    return PhotographSource(path, interpolation, Channels(bands, stretch))
