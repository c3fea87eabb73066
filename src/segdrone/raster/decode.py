"""Decode an image file, or say what is wrong with it.

Pillow decodes: unlike OpenCV it raises on a truncated file, where OpenCV returns a grey remainder.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from segdrone.errors import DataError
from segdrone.windows import Size

_WIDTH, _HEIGHT, _BITS, _ORIENTATION = 0x0100, 0x0101, 0x0102, 0x0112  # tags of TIFF and EXIF
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")  # Pillow knows more, and runs other programs for some (EPS)
_SIDEWAYS = (5, 6, 7, 8)  # orientations that swap height and width
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
_BAND = 256  # rows
COLOR_MODES = ("RGB", "RGBA", "CMYK", "YCbCr")


class Header(NamedTuple):
    """What a file says of its image before any pixel is decoded.

    Attributes:
        size: Height and width in pixels as displayed, that is with the EXIF orientation applied.
        mode: Pillow's mode of the pixels: `RGB`, `L`, `P`, `RGBA`, `I;16`, ...; `RGB;16` and the like for
            colours of more than 8 bits a channel.
        orientation: EXIF orientation, 1 (upright) to 8.
    """

    size: Size
    mode: str
    orientation: int


def read_header(path: Path) -> Header:
    """Reads size, mode and orientation from the file's header alone.

    Raises:
        DataError: The file is missing or no image, or has more pixels than can be read.
    """
    with _opened(path) as image:
        orientation, (width, height) = _orientation(image), image.size
        if image.format == "TIFF":  # whose size Pillow may have turned already
            width, height = image.getexif()[_WIDTH], image.getexif()[_HEIGHT]
        return Header((width, height) if orientation in _SIDEWAYS else (height, width), _mode(image), orientation)


def read_size(path: Path) -> Size:
    """Returns height and width in pixels as displayed, from the file's header alone.

    Raises:
        DataError: The file is missing or no image, or has more pixels than can be read.
    """
    return read_header(path).size


def check_eight_bit(path: Path, mode: str) -> None:
    """Refuses photographs of more than 8 bits a channel, by their mode.

    Raises:
        DataError: They are not 8 bits a channel.
    """
    if mode not in _EIGHT_BIT:
        raise DataError(f"{path} has pixels of type {mode}, not 8 bits a channel: convert it to 8-bit RGB")


def read_image(path: Path, at_least: Size | None = None) -> NDArray[np.uint8]:
    """Returns a photograph as uint8 `[H, W, 3]`, RGB, turned as its EXIF orientation says; read-only.

    Grey, palette and CMYK files are converted; an alpha channel is dropped.

    Args:
        path: The file.
        at_least: Height and width that will do: a JPEG may then come at 1/2, 1/4 or 1/8 of its size,
            the smallest of these that is no smaller, which its decoder makes at a fraction of the cost.

    Raises:
        DataError: The file is missing, no image, cut short, or not 8 bits a channel.
    """
    with _decoded(path, at_least) as image:
        pixels = np.empty((image.height, image.width, 3), np.uint8)
        for top, band in _bands(image):
            pixels[top : top + len(band)] = band
    pixels.setflags(write=False)
    return pixels


def read_bands(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yields the rows of what `read_image` returns in bands, from top to bottom.

    Raises:
        DataError: As `read_image`.
    """
    with _decoded(path) as image:
        for _, band in _bands(image):
            yield band


@contextmanager
def _decoded(path: Path, at_least: Size | None = None) -> Iterator[Image.Image]:
    with _opened(path) as image:
        check_eight_bit(path, _mode(image))
        if at_least is not None:
            turned = _orientation(image) in _SIDEWAYS
            image.draft(None, at_least if turned else at_least[::-1])  # does nothing unless it is a JPEG
        _turn(image)
        image.load()
        yield image


def _bands(image: Image.Image) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yields some rows after another: Pillow makes two copies of what it gives to NumPy at once."""
    for top in range(0, image.height, _BAND):
        band = image.crop((0, top, image.width, min(top + _BAND, image.height)))
        yield top, np.asarray(band if band.mode == "RGB" else band.convert("RGB"))


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Pillow would decode the whole file to see whether EXIF comes after the pixels
    orientation = image.getexif().get(_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1  # bytes or text, if somebody wrote it as such


def _mode(image: Image.Image) -> str:
    """Pillow opens colours of 16 bits a channel as if they had 8, and would take the higher ones."""
    if image.format == "TIFF":
        bits = image.getexif().get(_BITS, 8)
        deep = max(bits if isinstance(bits, tuple) else (bits,)) > 8
    else:
        deep = any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))  # a PNG's, such as RGB;16B
    return f"{image.mode};16" if deep and image.mode in COLOR_MODES else image.mode


def _turn(image: Image.Image) -> None:
    if _orientation(image) != 1:
        ImageOps.exif_transpose(image, in_place=True)


@contextmanager
def open_upright(path: Path) -> Iterator[Image.Image]:
    """Opens an image file and turns the image as its EXIF orientation says.

    Raises:
        DataError: The file is missing, no image, or cut short.
    """
    with _opened(path) as image:
        _turn(image)
        yield image


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # 90 to 179 megapixels are real cameras
            image = Image.open(path, formats=_FORMATS)
        with image:
            yield image
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: put it back, or take its name off the list") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path} is not an image (JPEG, PNG, TIFF or WebP), whatever its name says: replace or remove it"
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large to be read ({error}): cut it into parts or reduce it") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} cannot be decoded ({error}): copy it again or remove it") from None
