"""Read what a mask file holds, before it is decided what that means: values, colors, or a palette of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.decode import image_bands, open_upright
from segdrone.raster.encode_like import whole_palette
from segdrone.raster.header import COLOR_MODES, Header, open_file, read_header
from segdrone.raster.native import read_values
from segdrone.raster.no_data import gray_step
from segdrone.raster.tiff import COMPRESSION
from segdrone.utils.regular_file import open_regular

_LOSSY_TIFF = {6: "JPEG", 7: "JPEG", 34712: "JPEG 2000", 50001: "WebP"}  # by compression


@dataclass(frozen=True)
class StoredMask:
    """A mask as its file holds it, upright.

    Attributes:
        values: Gray values or palette indices of any type, `[H, W]`; None if the file holds colors.
        colors: Colors, uint8 `[H, W, 3]`; None if it holds values.
        palette: Colors of the indices, uint8 `[N, 3]`; None if the values are gray.
        white: Gray value of white: 1 for a file of 1 bit, 3 for 2, 15 for 4.
        visible: Which pixels are not transparent, bool `[H, W]`; None if all are visible.
        nodata: Value that the file calls no data; None if there is none.
        channels: Number of equal channels that hold `values`: 1 for gray, 3 for gray colors of 16 bits.
        lossy: Name of the compression that changed values, such as `JPEG`; empty if none did.
    """

    values: NDArray[Any] | None = None
    colors: NDArray[np.uint8] | None = None
    palette: NDArray[np.uint8] | None = None
    white: int = 255
    visible: NDArray[np.bool_] | None = None
    nodata: float | None = None
    channels: int = 1
    lossy: str = ""

    @property
    def equal_channels(self) -> NDArray[np.uint8] | None:
        """The first channel of colors whose channels are equal everywhere; None if they differ somewhere."""
        colors = self.colors
        if colors is None or (colors[..., 0] != colors[..., 1]).any() or (colors[..., 0] != colors[..., 2]).any():
            return None
        return np.ascontiguousarray(colors[..., 0])

    @property
    def brightness(self) -> NDArray[Any]:
        """Gray level of each pixel, `[H, W]`: 0 to 255, or the values themselves if they have more than 8 bits."""
        if self.colors is not None or self.palette is not None:
            return np.asarray(cv2.cvtColor(self.painted, cv2.COLOR_RGB2GRAY), np.uint8)
        assert self.values is not None
        return self.values if self.white == 255 else self.values * np.uint8(255 // self.white)

    @property
    def narrowed(self) -> StoredMask:
        """The mask with colors of 8 bits, if its values are gray colors of 16 bits that were made from such."""
        values = self.values
        if self.channels != 3 or values is None or values.dtype != np.uint16 or (values % 257).any():
            return self
        colors = np.repeat((values // 257).astype(np.uint8)[..., None], 3, axis=2)
        return replace(self, values=None, colors=colors, channels=1)

    @property
    def painted(self) -> NDArray[np.uint8]:
        """The colors of the pixels, uint8 `[H, W, 3]`; black where the palette has none."""
        if self.colors is not None:
            return self.colors
        assert self.values is not None and self.palette is not None
        return np.asarray(whole_palette(self.palette)[self.values])


@contextmanager
def name_in_errors(path: Path) -> Iterator[None]:
    """Puts the name of a mask before errors of the body that lack it, as those of its pixels do."""
    try:
        yield
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path} {error}") from None


def read_stored(path: Path) -> StoredMask:
    """Reads a mask file.

    Raises:
        DataError: The file is missing, not an image or truncated, or its pixels are neither values nor colors.
    """
    header = read_header(path)
    nodata = None if header.page is None else header.page.nodata
    if header.native:
        return _from_bands(path, header, nodata)
    with open_upright(path, 0 if header.page is None else header.page.index) as image:
        lossy = _lossy(path, header)
        image.info.pop("transparency", None)  # a palette index is an id, seen or not
        visible = np.asarray(image.getchannel("A")) > 0 if image.mode in ("LA", "RGBA", "PA") else None
        if visible is not None and visible.all():
            visible = None
        if image.mode in COLOR_MODES:
            colors = np.empty((image.height, image.width, 3), np.uint8)
            for top, band in image_bands(image):
                colors[top : top + band.height] = np.asarray(band.convert("RGB"))
            return StoredMask(colors=colors, visible=visible, nodata=nodata, lossy=lossy)
        if image.mode in ("P", "PA"):
            palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
            values = np.asarray(image.getchannel(0) if image.mode == "PA" else image)
            return StoredMask(values, palette=palette, visible=visible, nodata=nodata, lossy=lossy)
        if image.mode == "1":
            return StoredMask(np.asarray(image).astype(np.uint8), white=1, nodata=nodata)
        values = np.asarray(image.getchannel(0) if image.mode == "LA" else image)
        if values.ndim != 2:
            raise DataError(
                f"{path} has pixels of type {image.mode}, neither ids nor RGB: convert it to 8-bit gray or RGB"
            )
        step = _gray_step(path) if image.mode == "L" and not lossy else 1
        values = values // np.uint8(step) if step > 1 else values
        return StoredMask(values, white=255 // step, visible=visible, nodata=nodata, lossy=lossy)


def _from_bands(path: Path, header: Header, nodata: float | None) -> StoredMask:
    """Reads values of more than 8 bits; colors of 16 bits become those of 8 bits that they were made from."""
    bands = header.bands
    if bands > 1 and (bands > 4 or not header.says_colors):
        raise DataError(
            f"{path} has {bands} bands of {header.sample_type}, and a mask has one band of ids or three of a color: "
            f"take one (gdal_translate -b 1 {path.name} {path.stem}_ids.png)"
        )
    values = read_values(path, header)
    visible = values[..., -1] > 0 if bands in (2, 4) else None
    if bands <= 2:
        return StoredMask(values[..., 0], visible=visible, nodata=nodata)
    colors = values[..., :3]
    if (colors == colors[..., :1]).all():
        return StoredMask(np.ascontiguousarray(colors[..., 0]), visible=visible, nodata=nodata, channels=3)
    if values.dtype != np.uint16 or (colors % 257).any():
        raise DataError(
            f"{path} has colors of {header.sample_type} that no color of 8 bits has: convert it to 8-bit RGB"
        )
    return StoredMask(colors=(colors // 257).astype(np.uint8), visible=visible, nodata=nodata)


def _lossy(path: Path, header: Header) -> str:
    if header.page is not None:
        return _LOSSY_TIFF.get(header.page.get(COMPRESSION, 1), "")
    with open_regular(path) as file:
        start = file.read(1 << 12)
    if start[:4] == b"RIFF":
        return "" if b"VP8L" in start else "lossy WebP"
    return "JPEG" if start[:2] == b"\xff\xd8" else ""


def _gray_step(path: Path) -> int:
    with open_file(path) as image:  # again: an image that is decoded has forgotten it
        return gray_step(image)
