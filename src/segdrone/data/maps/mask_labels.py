"""Labels that are a raster of ids, on any grid, in the pixels of another raster."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import IGNORE_INDEX
from segdrone.data.maps.labels import Mask, Pixels
from segdrone.data.maps.places import inverse_transform, outline
from segdrone.data.maps.polygons import Grid
from segdrone.errors import DataError
from segdrone.raster.crs import transform_between
from segdrone.raster.gdal import gdal_options
from segdrone.raster.georeference import Georeference
from segdrone.raster.map_file import map_driver
from segdrone.raster.map_header import crs_of
from segdrone.raster.map_vrt import check_map
from segdrone.raster.polygons import extent_of
from segdrone.windows import Window

log = logging.getLogger(__name__)

_SMALLEST = 128  # pixels: side of the part of a damaged mask that is left out; GDAL resamples as many rows at once


class MaskLabels:
    """A raster of ids on any grid, resampled to the pixels of another raster by nearest neighbor.

    Args:
        path: The raster; one band of whole numbers.
        grid: The pixels.
        lookup: Id of each value.

    Attributes:
        unknown: Number of pixels by each value that `lookup` lacks, in what was drawn. They have no label.
        damaged: Windows that could not be read. They have no label.

    Raises:
        DataError: The raster has several bands or no whole numbers, or does not say where it lies.
    """

    def __init__(self, path: Path, grid: Grid, lookup: Mapping[int, int]) -> None:
        self.path, self.unknown, self.damaged = path, Counter[int](), list[Window]()
        self._lookup = lookup
        self._file = open_mask(path)
        self._vrt = self._align(grid)
        self._extent = self._place(grid)
        transform = tuple(self._file.transform)[:6]
        if self._file.shape != grid.size or not np.allclose(transform, grid.place.transform, rtol=1e-9, atol=1e-9):
            log.info("%s is resampled to the pixels of %s by nearest neighbor", path, grid.path)

    def meets(self, window: Window) -> bool:
        """Whether the window meets the extent of the mask."""
        if self._extent is None:
            return True
        left, top, right, bottom = self._extent
        across = window.left < right and window.left + window.width > left
        return across and window.top < bottom and window.top + window.height > top

    def draw(self, window: Window) -> tuple[Mask, Pixels]:
        """Reads a window; see `Labels.draw`."""
        values, seen = self._read(window)
        mask = np.full(seen.shape, IGNORE_INDEX, np.uint8)
        found, inverse, counts = np.unique(values[seen], return_inverse=True, return_counts=True)
        ids = np.array([self._lookup.get(value, IGNORE_INDEX) for value in found.tolist()], np.uint8)
        mask[seen] = ids[inverse] if len(found) else 0
        rows = zip(found.tolist(), counts.tolist(), strict=True)
        self.unknown += Counter({value: count for value, count in rows if value not in self._lookup})
        return mask, np.zeros(mask.shape, np.bool_)

    def _read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Returns values and which of them are there; parts that cannot be decoded are not."""
        with gdal_options() as rasterio:
            place = rasterio.windows.Window(window.left, window.top, window.width, window.height)
            try:
                values, alpha = self._vrt.read(window=place)
                return values, alpha > 0
            except rasterio.errors.RasterioError:
                pass
        if max(window.height, window.width) <= _SMALLEST:
            self.damaged.append(window)
            return np.zeros(window[2:], np.int64), np.zeros(window[2:], np.bool_)
        parts = [[self._read(part) for part in row] for row in _quarters(window)]
        values, seen = (np.block([[part[i] for part in row] for row in parts]) for i in (0, 1))
        return values, seen

    def _align(self, grid: Grid) -> Any:
        height, width = grid.size
        with gdal_options() as rasterio:
            from rasterio.vrt import WarpedVRT

            crs, transform = rasterio.crs.CRS.from_user_input(grid.place.crs), rasterio.Affine(*grid.place.transform)
            options = {"resampling": rasterio.enums.Resampling.nearest, "add_alpha": True, "warp_mem_limit": 64}
            return WarpedVRT(self._file, crs=crs, transform=transform, height=height, width=width, **options)

    def _place(self, grid: Grid) -> tuple[float, float, float, float] | None:
        """Returns the smallest and largest column and row of the grid that the mask reaches; None if it is unknown."""
        own = Georeference(crs_of(self._file), tuple(self._file.transform)[:6])
        points = transform_between(own.crs, grid.place.crs)(own.coordinates(outline(self._file.shape)))
        return extent_of(inverse_transform(grid.place)(points))


def open_mask(path: Path) -> Any:
    """Opens a raster of ids, as a dataset of rasterio.

    Raises:
        DataError: It cannot be opened, has several bands or no whole numbers, or does not say where it lies.
    """
    driver = check_map(path)
    with gdal_options() as rasterio:
        try:
            file = rasterio.open(path, driver=driver, sharing=False)
        except (rasterio.errors.RasterioError, ValueError, OSError) as error:
            reason = " ".join(str(error).replace(str(path), "it").split())[:300]
            raise DataError(f"{path} cannot be opened as a mask ({reason}): copy it again") from None
        place = Georeference("", tuple(file.transform)[:6])
        if file.count != 1 or np.dtype(file.dtypes[0]).kind not in "ui":
            bands = f"{file.count} band{'s' if file.count > 1 else ''} of {file.dtypes[0]}"
            raise DataError(f"{path} has {bands}: a mask has one band of ids (gdal_translate -b 1 -ot Byte)")
        if not crs_of(file) or not place.is_usable or file.transform.is_identity or file.gcps[0]:
            raise DataError(
                f"{path} does not say where it lies: give it a coordinate system and a transform (gdal_edit -a_srs "
                "EPSG:CODE -a_ullr WEST NORTH EAST SOUTH)"
            )
    return file


def is_raster_file(path: Path) -> bool:
    """Whether a file begins as a raster does."""
    try:
        return bool(map_driver(str(path)))
    except DataError:
        return False


def tell_nodata(path: Path, file: Any, names: Mapping[int, str]) -> None:
    """Warns of a mask whose nodata value is that of a class: its pixels have no label."""
    value = file.nodata
    if value is not None and float(value).is_integer() and int(value) in names:
        log.warning(
            "%s has the nodata value %d, which the class table calls %s: these pixels are taken as not labeled; "
            "gdal_edit -unsetnodata makes them %s", path, value, names[int(value)], names[int(value)],
        )  # fmt: skip


def _quarters(window: Window) -> list[list[Window]]:
    """Divides a window into parts of half its height and width, of at least a pixel."""
    top, left, height, width = window
    rows = [(top, height // 2), (top + height // 2, height - height // 2)]
    columns = [(left, width // 2), (left + width // 2, width - width // 2)]
    return [[Window(y, x, h, w) for x, w in columns if w] for y, h in rows if h]
