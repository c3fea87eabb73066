"""Read a photograph or a mask from disk, or say what is wrong with the file.

Pillow decodes: unlike OpenCV it raises on a truncated file, where OpenCV returns a grey remainder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.windows import Size

_WIDTH, _HEIGHT, _ORIENTATION = 0x0100, 0x0101, 0x0112  # tags of TIFF and EXIF
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")  # Pillow knows more, and runs other programs for some (EPS)
_SIDEWAYS = (5, 6, 7, 8)  # orientations that swap height and width
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


def read_size(path: Path) -> Size:
    """Returns height and width in pixels as displayed, from the file's header alone.

    Raises:
        DataError: The file is missing or no image.
    """
    with _opened(path) as image:
        exif, (width, height) = image.getexif(), image.size
        if image.format == "TIFF":  # whose size Pillow may have turned already
            width, height = exif[_WIDTH], exif[_HEIGHT]
        return (width, height) if exif.get(_ORIENTATION) in _SIDEWAYS else (height, width)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Returns a photograph as uint8 `[H, W, 3]`, RGB, turned as its EXIF orientation says.

    Grey, palette and CMYK files are converted; an alpha channel is dropped.

    Raises:
        DataError: The file is missing, no image, cut short, or not 8 bits a channel.
    """
    with _opened(path) as image:
        if image.mode not in _EIGHT_BIT:
            raise DataError(f"{path} has pixels of type {image.mode}, not 8 bits a channel: convert it to 8-bit RGB")
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def read_mask(path: Path, table: ClassTable) -> NDArray[np.uint8]:
    """Returns a mask as uint8 `[H, W]` of ids of `table`.

    A mask of one channel (or with a palette) holds ids; one of three holds the table's colours.

    Raises:
        DataError: The file is missing, no image or cut short, or holds an id or a colour that the
            table does not know.
    """
    with _opened(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode in ("RGB", "RGBA", "CMYK", "YCbCr"):
            return _from_colours(np.array(image.convert("RGB")), table, path)
        values = np.array(image.convert("L") if image.mode in ("LA", "1") else image)
        if image.mode == "1":
            values //= 255
    if values.dtype != np.uint8:
        _refuse_unknown(values, (values >= 0) & (values <= 255) & (values == np.round(values)), table, path)
        values = values.astype(np.uint8)
    _refuse_unknown(values, _known(table)[values], table, path)
    return values


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: put it back, or take its name off the list") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path} is not an image (JPEG, PNG, TIFF or WebP), whatever its name says: replace or remove it"
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large to be read ({error}): reduce or remove it") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} cannot be decoded ({error}): copy it again or remove it") from None


@lru_cache(maxsize=4)
def _known(table: ClassTable) -> NDArray[np.bool_]:
    known = np.zeros(256, bool)
    known[[*range(len(table)), table.ignore_index]] = True
    return known


@lru_cache(maxsize=4)
def _ids_by_colour(table: ClassTable) -> NDArray[np.int16]:
    """Class id by colour, `[2 ** 24]`, indexed by red * 65536 + green * 256 + blue; -1 is unknown."""
    ids = np.full(1 << 24, -1, np.int16)
    ids[_packed(np.array(table.colours, np.uint8))] = np.arange(len(table))
    return ids


def _packed(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue


def _from_colours(colours: NDArray[np.uint8], table: ClassTable, path: Path) -> NDArray[np.uint8]:
    shared = [colour for colour, n in Counter(table.colours).items() if n > 1]
    if shared:
        raise DataError(
            f"{path} holds colours, but the class table gives rgb{shared[0]} to several classes: "
            "give each its own colour, or masks of ids"
        )
    packed = _packed(colours)
    ids = _ids_by_colour(table)[packed]
    if ids.min() < 0:
        values, counts = np.unique(packed[ids < 0], return_counts=True)
        listed = [(f"rgb({v >> 16}, {v >> 8 & 255}, {v & 255})", n) for v, n in zip(values, counts, strict=True)]
        raise DataError(_unknown_text(path, "colour", listed, table))
    return ids.astype(np.uint8)


def _refuse_unknown(values: NDArray[np.integer], known: NDArray[np.bool_], table: ClassTable, path: Path) -> None:
    if known.all():
        return
    unknown, counts = np.unique(values[~known], return_counts=True)
    raise DataError(_unknown_text(path, "id", [(str(v), n) for v, n in zip(unknown, counts, strict=True)], table))


def _unknown_text(path: Path, what: str, found: list[tuple[str, int]], table: ClassTable) -> str:
    found = sorted(found, key=lambda entry: -entry[1])
    listed = ", ".join(f"{what} {value} ({count} pixels)" for value, count in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return (
        f"{path} holds {listed}{more}, not in the class table of {len(table)} classes "
        f"(ids 0 to {len(table) - 1}, {table.ignore_index} is ignored): mend the mask "
        "or give its table with data.classes=FILE.csv"
    )


def resize_image(image: NDArray[np.uint8], size: Size, interpolation: str) -> NDArray[np.uint8]:
    """Resizes a photograph to `size` (height, width) by one of `INTERPOLATIONS`."""
    return np.asarray(cv2.resize(image, size[::-1], interpolation=INTERPOLATIONS[interpolation]), np.uint8)


def resize_mask(mask: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resizes a mask to `size` (height, width); ids cannot be averaged, so always by nearest."""
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


INTERPOLATIONS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
