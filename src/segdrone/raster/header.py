"""Open image files and read their headers; no pixel is decoded here.

Pillow decodes: unlike OpenCV, which fills a truncated file with gray, it raises an error. What Pillow cannot hold, many
bands or more than 8 bits, is read by `segdrone.raster.native`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageMode, ImageOps, UnidentifiedImageError

from segdrone.errors import DataError
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.raster.decode_errors import TooLargeError, decode_errors
from segdrone.raster.file_kind import identify
from segdrone.raster.no_data import no_data_marks, transparent_color
from segdrone.raster.tiff import PHOTOMETRIC, TiffPage, read_pages
from segdrone.raster.tiff_pages import main_page, mask_page
from segdrone.raster.tiff_samples import can_decode
from segdrone.utils.regular_file import open_regular
from segdrone.windows import Size

_ORIENTATION = 0x0112  # EXIF tag
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")  # Pillow knows more, and starts other programs for some (EPS)
TRANSPOSED = (5, 6, 7, 8)
"""EXIF orientations that swap height and width."""
_BANDS = {"1": 1, "P": 3, "PA": 4}  # of a mode whose bands are those of the gray or RGB image that it stands for
_PLAIN = (1, 2)  # photometric interpretations whose samples are gray or red, green, blue

_CHOICE = re.compile(r"give the [a-z, ]+, such as data\.(?:bands|stretch)=\[[^\]]*\], or ")  # of `check_photograph`

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
COLOR_MODES = ("RGB", "RGBA", "CMYK", "YCbCr")


class Header(NamedTuple):
    """Properties of an image file that are known before any pixel is decoded.

    Attributes:
        size: Height and width in pixels as displayed, i.e. with the EXIF orientation applied.
        mode: Pillow's mode of the pixels, e.g. `RGB`, `L`, `P` or `RGBA`; if Pillow cannot hold them, the number and
            type of the bands, e.g. `3 x uint16`.
        orientation: EXIF orientation, 1 (upright) to 8.
        marks_no_data: Whether the file can mark pixels as no data: by an alpha channel, a transparent color or palette
            entry, a mask or nodata value in a TIFF, or NaN. If False, every pixel is valid.
        bands: Number of bands.
        sample_type: Type of their values, e.g. `uint8` or `float32`.
        says_colors: Whether the file says which bands are red, green and blue, or that it is gray.
        page: The page to read of a TIFF; None for other formats.
        native: Whether the bands are decoded by `segdrone.raster.native`, not by Pillow.
    """

    size: Size
    mode: str
    orientation: int
    marks_no_data: bool = False
    bands: int = 3
    sample_type: str = "uint8"
    says_colors: bool = True
    page: TiffPage | None = None
    native: bool = False


def read_header(path: Path, channels: Channels = AS_STORED) -> Header:
    """Returns what the file's header says.

    Args:
        path: The file.
        channels: The bands that are wanted: an alpha channel that is left out marks no data.

    Raises:
        DataError: The file is missing, is not an image, or has too many pixels, or several pages of a TIFF could be
            meant.
    """
    with decode_errors(path):
        return _read_header(path, channels)


def _read_header(path: Path, channels: Channels) -> Header:
    pages = read_pages(path)
    page = main_page(path, pages) if pages else None
    if page is not None and (page.bits > 8 or not page.says_colors) and _is_native(page):
        return _native_header(path, pages, page, channels)
    with open_file(path, page.index if page else 0) as image:
        orientation, (width, height) = image_orientation(image), image.size
        if page is not None:  # Pillow may have swapped its size already
            height, width = page.size
        size = (width, height) if orientation in TRANSPOSED else (height, width)
        marks = no_data_marks(image)
        if channels.bands:
            marks = marks._replace(alpha=False)
        has_mask = page is not None and mask_page(pages, page) is not None
        deep = is_deep(image) if page is None else page.bits > 8
        has_color = deep and page is None and transparent_color(image) is not None
        mode, bands = image.mode, _bands_of(image.mode)
        sample_type = page.sample_type if page is not None and deep else "uint16" if deep else "uint8"
        return Header(
            size,
            f"{bands} x {sample_type}" if deep else mode,
            orientation,
            marks_no_data=bool(marks) or has_mask or has_color,
            bands=bands if page is None else max(bands, page.bands),
            sample_type=sample_type,
            says_colors=page is None or page.says_colors,
            page=page,
            native=deep and page is None,  # a PNG
        )


def _is_native(page: TiffPage) -> bool:
    return can_decode(page) and page.get(PHOTOMETRIC, 0) in _PLAIN and min(page.size) > 0


def _native_header(path: Path, pages: list[TiffPage], page: TiffPage, channels: Channels) -> Header:
    height, width = page.size
    if Image.MAX_IMAGE_PIXELS is not None and height * width > 2 * Image.MAX_IMAGE_PIXELS:  # as Pillow refuses them
        raise TooLargeError(
            f"{path} is too large to be read ({width} x {height} pixels): cut it into parts or reduce it"
        )
    orientation = page.orientation
    return Header(
        (width, height) if orientation in TRANSPOSED else (height, width),
        f"{page.bands} x {page.sample_type}",
        orientation,
        marks_no_data=(page.alpha is not None and not channels.bands)
        or page.nodata is not None
        or page.sample_type.startswith("float")
        or mask_page(pages, page) is not None,
        bands=page.bands,
        sample_type=page.sample_type,
        says_colors=page.says_colors,
        page=page,
        native=True,
    )


def read_size(path: Path) -> Size:
    """Returns height and width in pixels as displayed, from the file's header.

    Raises:
        DataError: As `read_header`.
    """
    return read_header(path).size


def check_photograph(path: Path, header: Header, channels: Channels = AS_STORED) -> None:
    """Checks by the header that a file gives 8-bit RGB with these channels.

    Raises:
        DataError: It is not known which bands are red, green and blue, or which values are black and white, or the
            file cannot be decoded.
    """
    bands, name = header.bands, path.name
    form = f"{bands} band{'s' if bands > 1 else ''} of {header.sample_type}"
    out = f"{path.stem}_rgb.tif"
    deep = header.sample_type != "uint8"
    if channels.bands and max(channels.bands) > bands:
        raise DataError(f"{path} has {form}, so data.bands={list(channels.bands)} cannot be taken from it")
    if not header.native and (deep or max(channels.bands or (1,)) > _bands_of(header.mode)):
        raise DataError(
            f"{path} has {form} in a form that is not read: convert it (gdal_translate -ot Byte {name} {out})"
        )
    if not channels.bands and not header.says_colors:
        third = "the fourth may be near infrared or alpha" if bands == 4 else "its header does not say what they are"
        raise DataError(
            f"{path} has {form}, and {third}: give the numbers of red, green and blue, such as "
            f"data.bands=[{'1,2,3' if bands in (3, 4) else '3,2,1' if bands > 2 else '1,1,1'}], "
            f"or take three (gdal_translate -b 1 -b 2 -b 3 {name} {out})"
        )
    if deep and channels.stretch is None:
        raise DataError(
            f"{path} has {form}, not 8 bits per channel: give the values that become black and white, such as "
            f"data.stretch={'[0,1]' if header.sample_type.startswith('float') else '[0,4095]'}, "
            f"or convert it to 8-bit RGB (gdal_translate -ot Byte -scale MIN MAX 0 255 {name} {out})"
        )


def without_training_options(text: str) -> str:
    """Returns an error's text without options of training, for what reads photographs as the model was trained.

    Example:
        >>> without_training_options("a.tif: give the values, such as data.stretch=[0,1], or convert it to 8-bit RGB")
        'a.tif: convert it to 8-bit RGB'
    """
    return _CHOICE.sub("", text)


def _bands_of(mode: str) -> int:
    """Returns the number of bands of one of Pillow's modes; those of a palette are of its colors."""
    return _BANDS.get(mode, len(ImageMode.getmode(mode).bands))


def image_orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation of an open image, 1 if it has none."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Pillow would decode the whole file to find EXIF data behind the pixels
    orientation = image.getexif().get(_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1  # some writers store bytes or text


def is_transposed(image: Image.Image) -> bool:
    """Whether the EXIF orientation of an open image swaps height and width."""
    return image_orientation(image) in TRANSPOSED


def is_deep(image: Image.Image) -> bool:
    """Whether an open image, no TIFF, has more than 8 bits per channel.

    Pillow opens 16-bit colors of a PNG as 8-bit ones and would keep only their high bytes.
    """
    return any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))  # its raw mode, e.g. RGB;16B


def turn_upright(image: Image.Image) -> None:
    """Turns an open image in place as its EXIF orientation says."""
    if image_orientation(image) != 1:
        ImageOps.exif_transpose(image, in_place=True)


@contextmanager
def open_file(path: Path, page: int = 0) -> Iterator[Image.Image]:
    """Opens an image file by Pillow; errors of its decoders, also in the body, become a DataError.

    Args:
        path: The file.
        page: Position of the page of a TIFF.

    Raises:
        DataError: The file is missing, is not an image, is truncated, or has too many pixels.
    """
    with decode_errors(path), open_regular(path) as file:
        try:
            with warnings.catch_warnings():  # real cameras have 90 to 179 megapixels; errors say the rest
                warnings.simplefilter("ignore")
                image = Image.open(file, formats=_FORMATS)
        except UnidentifiedImageError:
            raise DataError(_unidentified(path)) from None
        with image:
            if page:
                image.seek(page)
            yield image


def _unidentified(path: Path) -> str:
    pages = read_pages(path)
    if pages and pages[0].size != (0, 0):
        page = main_page(path, pages)
        return (
            f"{path} is a TIFF of {page.bands} band{'s' if page.bands > 1 else ''} of {page.sample_type} in a form "
            f"that is not read: convert it (gdal_translate -ot Byte -b 1 -b 2 -b 3 {path.name} {path.stem}_rgb.tif)"
        )
    kind = identify(path)
    return f"{path} is {kind.name}: {kind.remedy}"
