"""Write image files, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.raster.place_tags import add_exif
from segdrone.utils.atomic import atomic_write

PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)
"""Options of `cv2.imencode` for images of even areas, such as masks: run-length encoding is faster than PNG's default,
and files are smaller; one filter is faster than trying all of them for each row, which OpenCV does by default."""


def write_gray_png(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], path: Path, *, exif: bytes = b"", sync: bool = True
) -> None:
    """Writes `[H, W]`, e.g. class ids or numbers of things, as a gray PNG of 8 or 16 bits.

    For `exif` see `place_tags.gps_block`, for `sync` see `atomic_write`.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path, sync=sync) as partial:
        is_encoded, content = cv2.imencode(".png", pixels, PNG_OPTIONS)
        if is_encoded:
            partial.write_bytes(add_exif(content.tobytes(), exif))
        else:  # OpenCV writes no side of more than a million pixels
            Image.fromarray(pixels).save(partial, compress_level=1, exif=exif or None)


def write_palette_png(mask: NDArray[np.uint8], palette: NDArray[np.uint8], path: Path, *, sync: bool = True) -> None:
    """Writes a mask, uint8 `[H, W]`, as a PNG whose palette gives each id its color.

    Args:
        mask: Class ids.
        palette: Color by id, uint8 `[256, 3]`, RGB; e.g. `ClassTable.palette`.
        path: The file.
        sync: As for `atomic_write`.

    Raises:
        OSError: The file cannot be written.
    """
    image = Image.fromarray(mask)
    image.putpalette(palette.tobytes())
    with atomic_write(path, sync=sync) as partial:
        image.save(partial, compress_level=1)


def write_rgb_png(image: NDArray[np.uint8], path: Path, *, sync: bool = True) -> None:
    """Writes an image, uint8 `[H, W, 3]`, RGB, as a PNG; for `sync` see `atomic_write`.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path, sync=sync) as partial:
        is_encoded, content = cv2.imencode(".png", image[..., ::-1], PNG_OPTIONS)
        if is_encoded:
            partial.write_bytes(content.tobytes())
        else:
            Image.fromarray(image).save(partial, compress_level=1)


def write_jpeg(image: NDArray[np.uint8], path: Path, quality: int = 90, *, sync: bool = True) -> None:
    """Writes an image, uint8 `[H, W, 3]`, RGB, as a JPEG of `quality` 1 to 95; for `sync` see `atomic_write`.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path, sync=sync) as partial:
        Image.fromarray(image).save(partial, quality=quality)
