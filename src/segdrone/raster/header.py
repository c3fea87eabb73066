"""Open image files and read their headers; no pixel is decoded here.

Pillow decodes: unlike OpenCV, which fills a truncated file with gray, it raises an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from segdrone.errors import DataError
from segdrone.raster.no_data import no_data_marks
from segdrone.windows import Size

_WIDTH, _HEIGHT, _BITS, _ORIENTATION = 0x0100, 0x0101, 0x0102, 0x0112  # TIFF and EXIF tags
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")  # Pillow knows more, and starts other programs for some (EPS)
_TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
COLOR_MODES = ("RGB", "RGBA", "CMYK", "YCbCr")


class Header(NamedTuple):
    """Properties of an image file that are known before any pixel is decoded.

    Attributes:
        size: Height and width in pixels as displayed, i.e. with the EXIF orientation applied.
        mode: Pillow's mode of the pixels, e.g. `RGB`, `L`, `P`, `RGBA` or `I;16`. Colors of more than 8 bits per
            channel end in `;16`, e.g. `RGB;16`.
        orientation: EXIF orientation, 1 (upright) to 8.
        marks_no_data: Whether the file can mark pixels as no data: by an alpha channel, a transparent color or palette
            entry, or a TIFF nodata value. If False, every pixel is valid.
    """

    size: Size
    mode: str
    orientation: int
    marks_no_data: bool = False


def read_header(path: Path) -> Header:
    """Returns size, mode and orientation from the file's header.

    Raises:
        DataError: The file is missing, is not an image, or has too many pixels.
    """
    with open_file(path) as image:
        orientation, (width, height) = image_orientation(image), image.size
        if image.format == "TIFF":  # Pillow may have swapped its size already
            width, height = image.getexif()[_WIDTH], image.getexif()[_HEIGHT]
        size = (width, height) if orientation in _TRANSPOSED else (height, width)
        return Header(size, image_mode(image), orientation, bool(no_data_marks(image)))


def read_size(path: Path) -> Size:
    """Returns height and width in pixels as displayed, from the file's header.

    Raises:
        DataError: The file is missing, is not an image, or has too many pixels.
    """
    return read_header(path).size


def check_eight_bit(path: Path, mode: str) -> None:
    """Checks by the mode that an image has 8 bits per channel.

    Raises:
        DataError: It has more.
    """
    if mode not in _EIGHT_BIT_MODES:
        raise DataError(f"{path} has pixels of type {mode}, not 8 bits per channel: convert it to 8-bit RGB")


def image_orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation of an open image, 1 if it has none."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Pillow would decode the whole file to find EXIF data behind the pixels
    orientation = image.getexif().get(_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1  # some writers store bytes or text


def is_transposed(image: Image.Image) -> bool:
    """Whether the EXIF orientation of an open image swaps height and width."""
    return image_orientation(image) in _TRANSPOSED


def image_mode(image: Image.Image) -> str:
    """Returns Pillow's mode of an open image, with `;16` behind colors of more than 8 bits per channel.

    Pillow opens 16-bit colors as 8-bit ones and would keep only their high bytes.
    """
    if image.format == "TIFF":
        bits = image.getexif().get(_BITS, 8)
        deep = max(bits if isinstance(bits, tuple) else (bits,)) > 8
    else:
        deep = any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))  # raw mode of a PNG, e.g. RGB;16B
    return f"{image.mode};16" if deep and image.mode in COLOR_MODES else image.mode


def turn_upright(image: Image.Image) -> None:
    """Turns an open image in place as its EXIF orientation says."""
    if image_orientation(image) != 1:
        ImageOps.exif_transpose(image, in_place=True)


@contextmanager
def open_file(path: Path) -> Iterator[Image.Image]:
    """Opens an image file by Pillow; errors of its decoders, also in the body, become a DataError.

    Raises:
        DataError: The file is missing, is not an image, is truncated, or has too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # real cameras have 90 to 179 megapixels
            image = Image.open(path, formats=_FORMATS)
        with image:
            if image.format == "TIFF" and is_transposed(image):
                image.filename = ""  # or Pillow 13 maps uncompressed pixels to memory with height and width swapped
            yield image
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: restore it, or remove its name from the list") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path} is not an image (JPEG, PNG, TIFF or WebP) despite its name: replace or remove it"
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large to be read ({error}): cut it into parts or reduce it") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} cannot be decoded ({error}): copy it again or remove it") from None
