"""Photographs that say when and where they were taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

_XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description drone-dji:RelativeAltitude="+{:.2f}"/></x:xmpmeta>'


def save_with_exif(
    path: Path,
    position: tuple[float, float] | None = None,
    *,
    time: str | None = None,
    height: float | None = None,
    focal: int = 24,
) -> Path:
    """Saves a JPEG of 9 x 6 pixels as DJI writes them; latitude and longitude in degrees, the height in meters."""
    image = Image.fromarray(np.full((6, 9, 3), 90, np.uint8))
    exif = image.getexif()
    exif.get_ifd(0x8769)[0xA405] = focal
    if time is not None:
        exif.get_ifd(0x8769)[0x9003] = time
    if position is not None:
        gps = exif.get_ifd(0x8825)
        for tag, value, letters in ((1, position[0], "NS"), (3, position[1], "EW")):
            gps[tag], gps[tag + 1] = letters[value < 0], _degrees(abs(value))
    image.save(path, exif=exif, xmp=b"" if height is None else _XMP.format(height).encode())
    return path


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    minutes = value % 1 * 60
    return IFDRational(int(value)), IFDRational(int(minutes)), IFDRational(round(minutes % 1 * 60 * 10_000), 10_000)
