"""Read the bands of a file as they are stored: any number of them, of more than 8 bits, or of floats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.channels import Channels, to_eight_bit
from segdrone.raster.decode_errors import decode_errors
from segdrone.raster.header import Header, open_file
from segdrone.raster.no_data import transparent_color
from segdrone.raster.tiff import TiffPage, read_pages
from segdrone.raster.tiff_pages import mask_page
from segdrone.raster.tiff_samples import can_decode, read_samples

Pixels = NDArray[np.uint8]
Valid = NDArray[np.bool_]


def read_values(path: Path, header: Header) -> NDArray[Any]:
    """Returns all bands of a file, turned upright: `[H, W, bands]` of the type that it has.

    Raises:
        DataError: The file cannot be decoded.
    """
    values, top = np.empty(0), 0
    for rows in _rows(path, header, range(header.bands)):
        if not top:
            values = np.empty((*header.size, header.bands), rows.dtype)
        values[top : top + len(rows)] = rows
        top += len(rows)
    return values


def read_rgb(path: Path, header: Header, channels: Channels) -> Iterator[tuple[Pixels, Valid | None]]:
    """Yields rows of a file from top to bottom: RGB, uint8 `[h, W, 3]`, and which pixels are valid, bool `[h, W]`.

    Args:
        path: The file.
        header: Its header, which `check_photograph` accepts with `channels`.
        channels: Which bands become RGB, and which values black and white.

    Raises:
        DataError: The file cannot be decoded.
    """
    page = header.page
    bands, alpha = [band - 1 for band in channels.bands or ()], None
    if not channels.bands:
        bands, alpha = [0, 1, 2] if header.bands > 2 else [0], _alpha(header)
    transparent = None if page is not None else _transparent_color(path)  # a PNG with one has no alpha
    others = [*range(header.bands)] if transparent is not None else [] if alpha is None else [alpha]
    for values in _rows(path, header, [*bands, *others]):
        colors, valid = values[..., : len(bands)], None
        if header.marks_no_data:
            valid = _is_valid(colors, None if page is None else page.nodata)
            if transparent is not None:
                valid &= (values[..., len(bands) :] != transparent).any(axis=2)
            elif alpha is not None:
                valid &= values[..., -1] > 0
        pixels = colors if colors.dtype == np.uint8 else to_eight_bit(colors, channels.stretch or (0, 1))
        yield np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3))), valid


def read_mask_page(path: Path, page: TiffPage) -> Valid | None:
    """Returns which pixels the mask of a page calls valid, upright, bool `[H, W]`; None if the TIFF has none.

    Raises:
        DataError: The mask cannot be decoded.
    """
    mask = mask_page(read_pages(path), page)
    if mask is None:
        return None
    if not can_decode(mask):
        raise DataError(f"{path} has a mask in a form that is not read: copy it (gdal_translate {path.name} copy.tif)")
    with decode_errors(path):
        return turn(np.concatenate([*read_samples(path, mask, [0])])[..., 0] > 0, page.orientation)


def turn(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turns pixels, `[H, W, ...]`, as an EXIF orientation says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return pixels[rows, columns]


def _alpha(header: Header) -> int | None:
    """Returns the position of the alpha channel, from 0."""
    if header.page is not None:
        return header.page.alpha
    return header.bands - 1 if header.bands in (2, 4) else None


def _transparent_color(path: Path) -> tuple[int, ...] | None:
    with open_file(path) as image:
        return transparent_color(image)


def _is_valid(values: NDArray[Any], nodata: float | None) -> Valid:
    """Returns which pixels have another value than that of no data in some band, and NaN in none."""
    valid = np.ones(values.shape[:2], np.bool_)
    if values.dtype.kind == "f":
        valid &= ~np.isnan(values).any(axis=2)
        nodata = None if nodata is None else float(values.dtype.type(nodata))  # 32 bits have fewer digits than its text
    if nodata is not None:
        valid &= (values != nodata).any(axis=2)
    return valid


def _rows(path: Path, header: Header, bands: Sequence[int]) -> Iterator[NDArray[Any]]:
    with decode_errors(path):
        if header.page is None:
            yield turn(_read_png(path), header.orientation)[..., list(bands)]
        elif header.orientation == 1:
            yield from read_samples(path, header.page, bands)
        else:
            rows = [*read_samples(path, header.page, bands)]
            yield turn(np.concatenate(rows), header.orientation)


def _read_png(path: Path) -> NDArray[Any]:
    """Returns a PNG of 16 bits: `[H, W, bands]`. Pillow, which keeps 8 of them, finds out whether it is whole."""
    with open_file(path) as image:
        image.load()
        bands = image.getbands()
        image.close()  # frees its pixels
    values = np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED))
    values = values.reshape(*values.shape[:2], -1)
    if values.shape[2] >= 3:  # OpenCV has blue, green, red
        values[..., [0, 2]] = values[..., [2, 0]]
    return values[..., [0, values.shape[2] - 1]] if bands == ("L", "A") else values
