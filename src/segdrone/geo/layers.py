"""Make the layers of a map from its mask: areas, polygons, and a page to look at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.geo.areas import PixelAreas
from segdrone.geo.crs import horizontal_crs
from segdrone.geo.map_files import MapFiles
from segdrone.geo.map_page import draw_picture, picture_size, write_map_page
from segdrone.raster import MapSource
from segdrone.raster.gdal import gdal_options
from segdrone.utils.digest import measure_file
from segdrone.utils.progress import progress_bar

_STRIP = 1 << 25  # pixels of the mask that are read at once
_BLOCK = 512  # rows of the blocks of a mask


@dataclass(frozen=True)
class LayerOptions:
    """What is made of the mask of a map.

    Attributes:
        polygons: File of the polygons, or a format for one beside the mask; None for none.
        simplify: Meters by which polygons are simplified; 0 for not.
        min_area_m2: Square meters of the smallest polygon that is written.
        zones: Vector file of polygons in which areas are given, too.
    """

    polygons: str | None = None
    simplify: float = 0.0
    min_area_m2: float = 0.0
    zones: Path | None = None

    def describe(self) -> dict[str, Any]:
        """Returns all that the layers depend on besides the mask, as plain values."""
        return {
            "polygons": self.polygons,
            "simplify": self.simplify,
            "min_area_m2": self.min_area_m2,
            "zones": None if self.zones is None else measure_file(self.zones),
        }


def write_layers(
    source: MapSource,
    files: MapFiles,
    table: ClassTable,
    options: LayerOptions,
    areas: PixelAreas | None,
    *,
    progress: bool = True,
) -> list[Path]:
    """Writes the layers of a map whose mask is finished, in one pass over the mask.

    Args:
        source: The map.
        files: Where its results are.
        table: The classes.
        options: What to write.
        areas: Areas of the pixels; None if it is not known where they lie.
        progress: Whether to show a progress bar.

    Returns:
        The files that were written.
    """
    pixels, square_meters = np.zeros(256, np.int64), np.zeros(256)
    height, _ = source.size
    with progress_bar(total=height, unit="row", desc=f"{files.name}: layers", disable=not progress) as bar:
        for top, mask, _confidence in _strips(files):
            if areas is None:
                pixels += np.bincount(mask.ravel(), minlength=256)
            else:
                sums = areas.sum_labels(top, mask, 256)
                pixels += sums.pixels
                square_meters += sums.square_meters
            bar.update(len(mask))
    _write_page(source, files, table, pixels, None if areas is None else square_meters, areas)
    return [files.page]


def _strips(files: MapFiles) -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yields the first row, the mask and the confidence of strips of a map, from top to bottom."""
    with (
        gdal_options() as rasterio,
        rasterio.open(files.mask, driver="GTiff") as mask,
        rasterio.open(files.confidence, driver="GTiff") as confidence,
    ):
        rows = max(1, _STRIP // mask.width // _BLOCK) * _BLOCK
        for top in range(0, mask.height, rows):
            window = rasterio.windows.Window(0, top, mask.width, min(rows, mask.height - top))
            yield top, mask.read(1, window=window), confidence.read(1, window=window)


def _write_page(
    source: MapSource,
    files: MapFiles,
    table: ClassTable,
    pixels: NDArray[np.int64],
    square_meters: NDArray[np.float64] | None,
    areas: PixelAreas | None,
) -> None:
    size = picture_size(source.size)
    with gdal_options() as rasterio, rasterio.open(files.mask, driver="GTiff") as mask:
        ids = np.asarray(mask.read(1, out_shape=size), np.uint8)
    with_data = max(1, int(pixels[: len(table)].sum()))
    shares = {name: pixels[i] / with_data for i, name in enumerate(table.names)}
    known = None if square_meters is None else {name: square_meters[i] for i, name in enumerate(table.names)}
    height, width = source.size
    facts = [f"{width:,} x {height:,} pixels"]
    meters = None
    if areas is not None and source.georeference is not None:
        meters = math.sqrt(areas.mean)
        facts = [f"{facts[0]} of {100 * meters:.3g} cm", str(horizontal_crs(source.georeference.crs).name)]
        meters *= width / size[1]
    write_map_page(
        files.page, files.record.stem, ", ".join(facts), draw_picture(source), ids, table, shares, known, meters
    )
