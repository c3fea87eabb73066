"""Read windows of a map: a GeoTIFF, VRT or JPEG 2000 of any size, by GDAL."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError, DataError
from segdrone.raster.channels import AS_STORED, Channels, to_eight_bit
from segdrone.raster.files_of_map import with_sources
from segdrone.raster.gdal import gdal_errors, gdal_options
from segdrone.raster.map_address import is_remote, shown_address, without_keys
from segdrone.raster.map_file import map_driver
from segdrone.raster.map_header import (
    check_blocks,
    choose_bands,
    find_masks,
    is_white_zero,
    read_georeference,
    read_palette,
)
from segdrone.raster.map_vrt import MAX_BANDS, check_map
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.raster.resample import ResampledSource
from segdrone.raster.source import ImageSource
from segdrone.windows import Size, Window

log = logging.getLogger(__name__)

_MAX_DAMAGED = 100_000  # blocks

Pixels = NDArray[np.uint8]
Valid = NDArray[np.bool_]


class MapSource:
    """An `ImageSource` over a raster that GDAL reads. Only the windows that are asked for are decoded.

    Pixels are no data where alpha, the file's mask or a `.msk` beside it is 0, where all bands that are read have the
    nodata value, and where one is NaN. Blocks that cannot be decoded are no data, too: see `damaged`.

    Args:
        path: The file; an address such as `https://...` only if `remote`.
        interpolation: How windows are resized: `area`, `linear` or `nearest`.
        channels: Which bands are red, green and blue, and how more than 8 bits become 8. Alpha is honored,
            unless it is one of these bands.
        remote: Also read addresses of the network, and what a VRT names outside its own folder.
        overview_of: The same file, opened as a whole, of which this is a smaller copy that the file holds.
        level: Number of that copy, counted from 0.

    Attributes:
        path: The file, or the address without passwords and keys.
        size: Height and width in pixels.
        georeference: Where the pixels lie; None if the file does not say it in a form that can be used.
        damaged: What could not be decoded: parts of the file as windows, in the order in which they were met.

    Raises:
        DataError: The file is missing, is no raster that is read, or does not give 8-bit RGB with these channels.
        ConfigError: The extra `geo` is missing, or the file reads others or the network and `remote` is false.
    """

    def __init__(
        self,
        path: str | Path,
        interpolation: str = "area",
        channels: Channels = AS_STORED,
        *,
        remote: bool = False,
        overview_of: MapSource | None = None,
        level: int = 0,
    ) -> None:
        self.path, self.interpolation, self.channels = shown_address(str(path)), interpolation, channels
        self.damaged: list[Window] = []
        self._address, self._noted = str(path), set[Window]()
        self._remote, self._overview_of, self._level = remote, overview_of, level
        self._dataset = self._open()
        self.size: Size = (self._dataset.height, self._dataset.width)
        with gdal_options(remote=remote):
            self.georeference = read_georeference(self._dataset, self.path)
            try:
                check_blocks(self._dataset, self.path)
                self._bands = choose_bands(self._described, self.path, channels)
                self._palette = read_palette(self._described, self.path, self._bands[0])
                self._alpha, self._has_mask = find_masks(self._described, self._bands)
                self._is_white_zero = is_white_zero(self._described)
            except gdal_errors() as error:
                raise self._unreadable(error) from None

    @property
    def fully_valid(self) -> bool:
        """Whether every pixel is valid, as far as the header and what was decoded say."""
        return not (self._marks_no_data or self.damaged)

    @property
    def files(self) -> list[Path]:
        """The file, and all others that GDAL reads with it, such as overviews and the sources of a VRT."""
        with gdal_options(remote=self._remote):
            return sorted(with_sources(self._dataset.files))

    def read(self, window: Window, size: Size | None = None) -> Pixels:
        """Returns a window as uint8 `[H, W, 3]`, RGB, resized to `size`; None is its own size.

        Raises:
            ValueError: The window is not inside the raster.
        """
        values = self._read(window, self._bands)
        if self._palette is not None:
            pixels: Pixels = self._palette[values[0]]
        else:
            if values.dtype != np.uint8:
                values = to_eight_bit(values, self.channels.stretch or (0, 1))
            values = 255 - values if self._is_white_zero else values
            pixels = np.ascontiguousarray(np.broadcast_to(values.transpose(1, 2, 0), (*values.shape[1:], 3)))
        return pixels if size is None or size == pixels.shape[:2] else resize_image(pixels, size, self.interpolation)

    def valid(self, window: Window, size: Size | None = None) -> Valid:
        """Returns which pixels of a window are valid: bool `[H, W]`, resized to `size` by nearest neighbor.

        Raises:
            ValueError: The window is not inside the raster.
        """
        valid = np.ones((window.height, window.width), np.bool_)
        if self._alpha:
            valid &= self._read(window, [self._alpha])[0] > 0
        if self._has_mask:
            valid &= self._read(window, [], masks=True)[0] > 0
        if self._nodata or self._is_float:
            valid &= self._has_values(self._read(window, self._bands))
        for part in self.damaged:
            _clear(valid, window, part)
        if size is None or size == valid.shape:
            return valid
        return resize_mask(valid.view(np.uint8), size, self.interpolation).view(np.bool_)

    def resized(self, size: Size) -> ImageSource:
        """Returns the raster in another size, read from the smallest overview that is not smaller than that."""
        factor = min(self.size[0] / size[0], self.size[1] / size[1])
        with gdal_options(remote=self._remote):
            overviews = [] if self._overview_of is not None else self._dataset.overviews(1)
        usable = [i for i, step in enumerate(overviews) if 1 < step <= factor]
        if not usable or self.interpolation != "area":
            return ResampledSource(self, size, self.interpolation)
        level = max(usable, key=lambda i: overviews[i])
        overview = MapSource(
            self._address, self.interpolation, self.channels, remote=self._remote, overview_of=self, level=level
        )
        log.info("%s is read from its overview of %d x %d pixels", self.path, *overview.size[::-1])
        return ResampledSource(overview, size, self.interpolation)

    def release_pages(self) -> None:
        """Does nothing: GDAL keeps what it has decoded within the bounds of its cache."""

    @property
    def _described(self) -> Any:
        """What says colors, masks and nodata: the file as a whole, since overviews do not have all of it."""
        return (self._overview_of or self)._dataset

    @property
    def _marks_no_data(self) -> bool:
        return bool(self._alpha) or self._has_mask or bool(self._nodata) or self._is_float

    @property
    def _nodata(self) -> list[float]:
        """The nodata value of each band that is read, which a VRT may have for each; empty if there is none."""
        values = [self._described.nodatavals[band - 1] for band in self._bands]
        known = [float(value) for value in values if value is not None]
        return [known[0] if value is None else float(value) for value in values] if known else []

    @property
    def _is_float(self) -> bool:
        return bool(np.dtype(self._dataset.dtypes[self._bands[0] - 1]).kind == "f")

    def _open(self) -> Any:
        path = self._address
        if is_remote(path):
            if not self._remote:
                raise ConfigError(f"{self.path} is an address of the network: give --remote to read it")
            driver = map_driver(path)
        elif not Path(path).is_file():
            raise DataError(f"{path} does not exist: check the path")
        else:
            driver = check_map(Path(path), remote=self._remote)
        options = {} if self._overview_of is None else {"OVERVIEW_LEVEL": self._level}
        with gdal_options(remote=self._remote) as rasterio:
            failures: tuple[type[Exception], ...] = (*gdal_errors(), ValueError, OSError)
            try:
                # by one driver: GDAL has others that follow what is inside a file
                dataset = rasterio.open(path, driver=driver, sharing=False, **options)
            except failures as error:
                raise self._unreadable(error) from None
            if "OVERVIEW_FILE" in dataset.tags(ns="OVERVIEWS") and not self._remote:
                raise ConfigError(f"{path} names another file as its overview: give --remote if you trust the file")
        if not 0 < dataset.count <= MAX_BANDS:
            raise DataError(
                f"{self.path} has {dataset.count} bands, of which none or too many are read: take three of them"
            )
        return dataset

    def _unreadable(self, error: Exception) -> DataError:
        reason = without_keys(" ".join(str(error).replace(self._address, "it").split()))[:300]
        advice = "check the address and the network" if is_remote(self._address) else "copy it again or remove it"
        return DataError(f"{self.path} cannot be opened as a map ({reason}): {advice}")

    def _has_values(self, values: NDArray[Any]) -> Valid:
        """Returns which pixels have another value than nodata in some band, and NaN in none; values `[bands, h, w]`."""
        valid = np.ones(values.shape[1:], np.bool_)
        nodata = np.array(self._nodata)[:, None, None]
        if self._is_float:
            valid &= ~np.isnan(values).any(axis=0)
        if nodata.size:
            stored = nodata.astype(values.dtype) if self._is_float else nodata
            valid &= (values != stored).any(axis=0)
        return valid

    def _read(self, window: Window, bands: Sequence[int], *, masks: bool = False) -> NDArray[Any]:
        """Returns values, `[bands, h, w]`, or the mask of the file; what cannot be decoded is 0 and noted."""
        window.check_inside(self.size)
        with gdal_options(remote=self._remote) as rasterio:

            def load(part: Window) -> NDArray[Any]:
                place = rasterio.windows.Window(part.left, part.top, part.width, part.height)
                if masks:
                    whole = self._overview_of or self  # overviews made before the mask have none
                    down, across = (a / b for a, b in zip(whole.size, self.size, strict=True))
                    place = rasterio.windows.Window(
                        part.left * across, part.top * down, part.width * across, part.height * down
                    )
                    shape = len(self._bands), part.height, part.width
                    read = np.asarray(whole._dataset.read_masks(self._bands, window=place, out_shape=shape))
                    return np.asarray(read.max(axis=0, keepdims=True))
                return np.asarray(self._dataset.read(list(bands), window=place))

            try:
                return load(window)
            except gdal_errors() as error:
                if is_remote(self._address):  # tomorrow it may be there
                    reason = without_keys(" ".join(str(error).split()))[:200]
                    raise DataError(
                        f"{self.path} cannot be read further ({reason}): run the same command again to continue, or "
                        "download the file"
                    ) from None
                return self._read_blocks(window, len(bands) or 1, load)

    def _read_blocks(self, window: Window, count: int, load: Any) -> NDArray[Any]:
        """Reads a window block by block, and notes those that cannot be decoded."""
        block_height, block_width = self._dataset.block_shapes[0]
        dtype = np.dtype(self._dataset.dtypes[self._bands[0] - 1])
        values = np.zeros((count, window.height, window.width), dtype)
        for top in range(window.top - window.top % block_height, window.top + window.height, block_height):
            for left in range(window.left - window.left % block_width, window.left + window.width, block_width):
                bottom, right = min(top + block_height, self.size[0]), min(left + block_width, self.size[1])
                inside = Window(
                    max(top, window.top),
                    max(left, window.left),
                    min(bottom, window.top + window.height) - max(top, window.top),
                    min(right, window.left + window.width) - max(left, window.left),
                )
                rows = slice(inside.top - window.top, inside.top - window.top + inside.height)
                columns = slice(inside.left - window.left, inside.left - window.left + inside.width)
                block = Window(top, left, bottom - top, right - left)
                try:
                    values[:, rows, columns] = load(inside)
                except gdal_errors():
                    self._note_damage(block)
        return values

    def _note_damage(self, block: Window) -> None:
        if self._overview_of is not None:
            down, across = (a / b for a, b in zip(self._overview_of.size, self.size, strict=True))
            top, left = math.floor(block.top * down), math.floor(block.left * across)
            bottom, right = math.ceil((block.top + block.height) * down), math.ceil((block.left + block.width) * across)
            self._overview_of._note_damage(Window(top, left, bottom - top, right - left))
        if len(self._noted) != len(self.damaged):  # those of an earlier process were added
            self._noted = {*self.damaged}
        if block in self._noted:
            return
        if len(self._noted) >= _MAX_DAMAGED:
            raise DataError(f"{self.path}: more than {_MAX_DAMAGED:,} blocks cannot be decoded: copy the file again")
        self._noted.add(block)
        self.damaged.append(block)


def _clear(valid: Valid, window: Window, part: Window) -> None:
    """Sets to False what of a window of the raster lies in a part of it."""
    top, left = max(part.top - window.top, 0), max(part.left - window.left, 0)
    bottom, right = part.top + part.height - window.top, part.left + part.width - window.left
    if bottom > 0 and right > 0:
        valid[top:bottom, left:right] = False
