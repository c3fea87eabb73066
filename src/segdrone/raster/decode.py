"""Decode image files: RGB, upright, 8 bits per channel, with the pixels that are no data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.raster.header import Header, check_photograph, is_transposed, open_file, read_header, turn_upright
from segdrone.raster.native import read_mask_page, read_rgb
from segdrone.raster.no_data import NoDataMarks, no_data_marks
from segdrone.windows import Size

_BAND_ROWS = 256
_DRAFT_MARGIN = 1.4
_SCAN = b"\xff\xda"  # marker of a scan in a JPEG
_SCANS, _SCANNED_PIXELS = 20, 2_000_000_000  # encoders write about ten, thumbnails included; the pixels take 6 s


class Band(NamedTuple):
    """Some rows of a decoded image.

    Attributes:
        pixels: uint8 `[h, W, 3]`, RGB.
        valid: Which pixels are valid, bool `[h, W]`; None if the file cannot mark any as no data.
    """

    pixels: NDArray[np.uint8]
    valid: NDArray[np.bool_] | None


def read_image(path: Path, at_least: Size | None = None, channels: Channels = AS_STORED) -> NDArray[np.uint8]:
    """Returns an image as uint8 `[H, W, 3]`, RGB, turned as its EXIF orientation says; read-only.

    Gray, palette and CMYK files are converted to RGB, and alpha is dropped; `PhotographSource.valid` gives it.

    Args:
        path: The file.
        at_least: A smaller height and width that suffice. A JPEG is then decoded at 1/2, 1/4 or 1/8 of its size, the
            smallest of these that is at least this large, at a fraction of the cost (see `draft_size`). Other formats
            ignore it.
        channels: Which bands are red, green and blue, and how more than 8 bits become 8.

    Raises:
        DataError: The file is missing, is not an image, is truncated, or does not give 8-bit RGB with these channels.
    """
    header = read_header(path, channels)
    check_photograph(path, header, channels)
    if header.native:
        pixels = np.concatenate([rows for rows, _ in read_rgb(path, header, channels)])
    else:
        with _decoded(path, header, at_least) as (image, _):
            pixels = np.empty((image.height, image.width, 3), np.uint8)
            for top, band in image_bands(image):
                pixels[top : top + band.height] = _rgb(band, channels)
    pixels.setflags(write=False)
    return pixels


def draft_size(full: Size, size: Size) -> Size | None:
    """Returns the size at which to decode a JPEG that is then reduced to `size` by area; None is its own size.

    It is `full` divided by 8, 4 or 2 without a remainder, as pixels at the far edges would shift otherwise. It is
    `size` itself or at least 1.4 times as large: in between, pixels would be smeared over two.

    Example:
        >>> draft_size((4000, 6000), (704, 1056)), draft_size((4000, 6000), (1500, 2250))
        ((1000, 1500), None)
    """
    for divisor in (8, 4, 2):  # what JPEG decoders can do
        reduced = full[0] // divisor, full[1] // divisor
        margin = min(part / target for part, target in zip(reduced, size, strict=True))
        if (reduced == size or margin >= _DRAFT_MARGIN) and full[0] % divisor == full[1] % divisor == 0:
            return reduced
    return None


def read_bands(path: Path, channels: Channels = AS_STORED) -> Iterator[Band]:
    """Yields the rows of an image in bands, from top to bottom: the pixels of `read_image`, and which are valid.

    Raises:
        DataError: As `read_image`.
    """
    header = read_header(path, channels)
    check_photograph(path, header, channels)
    mask = None if header.page is None else read_mask_page(path, header.page)
    top = 0
    for pixels, valid in _read_rows(path, header, channels):
        if mask is not None:
            part = mask[top : top + len(pixels)]
            valid = part if valid is None else valid & part
        top += len(pixels)
        yield Band(pixels, valid)


def _read_rows(path: Path, header: Header, channels: Channels) -> Iterator[Band]:
    if header.native:
        yield from (Band(*rows) for rows in read_rgb(path, header, channels))
        return
    with _decoded(path, header) as (image, marks):
        if channels.bands:
            marks = marks._replace(alpha=False)
        for _, band in image_bands(image):
            yield Band(_rgb(band, channels), marks.valid(band) if marks else None)


@contextmanager
def open_upright(path: Path, page: int = 0) -> Iterator[Image.Image]:
    """Opens an image file, or a page of a TIFF, with Pillow, and turns the image as its EXIF orientation says.

    Raises:
        DataError: The file is missing, is not an image, or is truncated.
    """
    with open_file(path, page) as image:
        _check_scans(path, image)
        turn_upright(image)
        yield image


@contextmanager
def _decoded(path: Path, header: Header, at_least: Size | None = None) -> Iterator[tuple[Image.Image, NoDataMarks]]:
    with open_file(path, 0 if header.page is None else header.page.index) as image:
        _check_scans(path, image)
        marks = no_data_marks(image)
        if at_least is not None:  # only JPEG has drafts
            image.draft(None, at_least if is_transposed(image) else at_least[::-1])
        turn_upright(image)
        image.load()
        yield image, marks


def _check_scans(path: Path, image: Image.Image) -> None:
    """Refuses a progressive JPEG of more scans than encoders write: a scan of a few bytes takes as long as an image."""
    if not image.info.get("progressive"):
        return
    scans, allowed = path.read_bytes().count(_SCAN), max(_SCANS, _SCANNED_PIXELS // (image.width * image.height))
    if scans > allowed:
        raise DataError(f"{path} is a JPEG of {scans} scans, more than any program writes: save it again or remove it")


def image_bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yields parts of an image with their first row: Pillow copies what it converts to NumPy twice."""
    for top in range(0, image.height, _BAND_ROWS):
        yield top, image.crop((0, top, image.width, min(top + _BAND_ROWS, image.height)))


def _rgb(band: Image.Image, channels: Channels) -> NDArray[np.uint8]:
    band.info.pop("transparency", None)  # Pillow would warn that RGB cannot hold it
    if not channels.bands:
        return np.asarray(band if band.mode == "RGB" else band.convert("RGB"))
    converted = {"1": "L", "P": "RGB", "PA": "RGBA", "YCbCr": "RGB"}.get(band.mode, band.mode)
    values = np.asarray(band if converted == band.mode else band.convert(converted))
    values = values.reshape(*values.shape[:2], -1)
    return np.ascontiguousarray(values[..., [number - 1 for number in channels.bands]])
