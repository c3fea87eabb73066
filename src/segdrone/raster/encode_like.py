"""Write the pixels of a mask in the format of another file: PNG or TIFF, with the place on Earth of a GeoTIFF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from segdrone.errors import DataError
from segdrone.raster.encode import write_gray_png, write_palette_png, write_rgb_png
from segdrone.raster.header import open_file
from segdrone.utils.atomic import atomic_write

_PLACE_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)  # GeoTIFF
_METADATA, _NODATA = 42112, 42113  # of GDAL


def check_format(path: Path) -> None:
    """Checks that a file has a format that `write_like` writes.

    Raises:
        DataError: It is no PNG and no TIFF of one page.
    """
    with open_file(path) as image:
        name, pages = image.format, getattr(image, "n_frames", 1)
    if name not in ("PNG", "TIFF"):
        raise DataError(f"{path} is a {name} file, which is not written here: convert the masks to PNG first")
    if name == "TIFF" and pages > 1:
        raise DataError(f"{path} has {pages} pages: convert the masks to PNG, or to TIFF of one page, first")


def write_like(
    pixels: NDArray[Any],
    palette: NDArray[np.uint8] | None,
    visible: NDArray[np.bool_] | None,
    path: Path,
    like: Path,
    photograph: Path | None = None,
) -> None:
    """Writes a mask without loss, and without flushing it to disk.

    Args:
        pixels: Values or palette indices, uint8 or uint16 `[H, W]`, or colors, uint8 `[H, W, 3]`.
        palette: Colors of the indices, uint8 `[N, 3]`; None if there are none.
        visible: Which pixels are not transparent, bool `[H, W]`; None writes no alpha channel, nor does a palette.
        path: The file.
        like: A file whose format the new one gets, and whose place on Earth.
        photograph: Whose place on Earth it gets instead, if `like` is the mask of another one.

    Raises:
        OSError: It cannot be written.
        DataError: The format cannot be written, or the values have another type.
    """
    check_format(like)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{like} has values of type {pixels.dtype}: convert the masks to PNG first")
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    is_tiff = _copy_tags(like, (_NODATA,) if photograph else (*_PLACE_TAGS, _METADATA, _NODATA), tags)
    if photograph:
        _copy_tags(photograph, _PLACE_TAGS, tags)
    if is_tiff:
        with atomic_write(path, sync=False) as partial:
            _picture(pixels, palette, visible).save(partial, "TIFF", compression="tiff_lzw", tiffinfo=tags)
    elif palette is not None:
        write_palette_png(pixels, whole_palette(palette), path, sync=False)
    elif visible is not None:
        with atomic_write(path, sync=False) as partial:
            _picture(pixels, palette, visible).save(partial, "PNG", compress_level=1)
    elif pixels.ndim == 3:
        write_rgb_png(pixels, path, sync=False)
    else:
        write_gray_png(pixels, path, sync=False)


def _copy_tags(path: Path, names: Sequence[int], tags: TiffImagePlugin.ImageFileDirectory_v2) -> bool:
    """Copies tags that a file has; returns whether it is a TIFF."""
    with open_file(path) as image:
        own: Any = getattr(image, "tag_v2", None)
        for tag in names if own is not None else ():
            if tag in own:
                tags.tagtype[tag] = own.tagtype[tag]
                tags[tag] = own[tag]
    return own is not None


def whole_palette(palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a palette of 256 colors, uint8 `[256, 3]`, the missing ones black."""
    whole = np.zeros((256, 3), np.uint8)
    whole[: len(palette)] = palette
    return whole


def _picture(pixels: NDArray[Any], palette: NDArray[np.uint8] | None, visible: NDArray[np.bool_] | None) -> Image.Image:
    if palette is not None:
        picture = Image.fromarray(pixels)
        picture.putpalette(whole_palette(palette).tobytes())
        return picture
    if visible is None or pixels.dtype != np.uint8:
        return Image.fromarray(pixels)
    return Image.fromarray(np.dstack([pixels, np.where(visible, 255, 0).astype(np.uint8)]))
