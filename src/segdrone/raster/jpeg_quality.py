"""Estimate the quality that a JPEG was saved with, from its header."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segdrone.raster.header import open_file, read_header

# Luminance table of ITU-T T.81 (the JPEG standard), table K.1, in the order of rows, as Pillow returns tables.
_STANDARD = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
])  # fmt: skip
_LARGEST = 255  # of an entry: what would be larger is cut to it


def read_jpeg_quality(path: Path) -> float | None:
    """Returns the quality of a JPEG, 1 to 100 in the scale of libjpeg; None for other formats.

    libjpeg multiplies the standard table by 50 / quality below 50, and by 2 - quality / 50 from there on
    (`jpeg_quality_scaling` in its jcparam.c); the mean factor of the file's own table gives the quality back. Cameras
    with tables of their own get the quality of about the same compression.

    Raises:
        DataError: The file is missing or not an image.
    """
    if read_header(path).page is not None:
        return None
    with open_file(path) as image:
        tables = getattr(image, "quantization", None)
        table = (tables or {}).get(0)
    if table is None or len(table) != len(_STANDARD):
        return None
    entries = np.asarray(table)
    known = entries < _LARGEST
    if not known.any():
        return 1.0
    factor = float(entries[known].sum() / _STANDARD[known].sum())
    quality = 100 - 50 * factor if factor <= 1 else 50 / factor
    return min(max(quality, 1.0), 100.0)
