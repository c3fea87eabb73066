"""Make the layers of a map from its mask: areas, polygons, and a page to look at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError, DataError
from segdrone.geo.area_table import AreaTable
from segdrone.geo.areas import PixelAreas
from segdrone.geo.map_files import MapFiles
from segdrone.geo.map_page import PagePictures, draw_picture, picture_size, write_map_page
from segdrone.geo.simplify import tolerance_in_pixels
from segdrone.geo.styles import write_style
from segdrone.geo.trace import RegionTracer
from segdrone.geo.vector_formats import FORMATS
from segdrone.geo.vectors import PIXELS, object_layers, polygon_writer
from segdrone.geo.zones import Zones, read_zones
from segdrone.raster import MapSource
from segdrone.raster.crs import horizontal_crs
from segdrone.raster.gdal import gdal_options
from segdrone.raster.geo_libraries import library
from segdrone.raster.vector_file import split_layer, vector_files
from segdrone.utils.digest import measure_file
from segdrone.utils.memory import return_freed_memory
from segdrone.utils.progress import progress_bar

_STRIP = 1 << 24  # pixels of the mask that are read at once
_BLOCK = 512  # rows of the blocks of a mask


@dataclass(frozen=True)
class LayerOptions:
    """What is made of the mask of a map.

    Attributes:
        polygons: File of the polygons, or a format for one beside the mask; None for none.
        simplify: Meters by which polygons are simplified; 0 for not.
        min_area_m2: Square meters of the smallest polygon that is written.
        zones: Polygons in which areas are given, too: `FILE`, or `FILE|layername=NAME`.
    """

    polygons: str | None = None
    simplify: float = 0.0
    min_area_m2: float = 0.0
    zones: str | None = None

    def check(self, number_of_maps: int) -> None:
        """Checks what can be checked before a map is opened.

        Raises:
            ConfigError: The polygons have no known format or a library is missing, or several maps have one file.
        """
        if self.polygons is None:
            return
        suffix = f".{self.polygons}" if f".{self.polygons}" in FORMATS else Path(self.polygons).suffix.lower()
        if suffix not in FORMATS:
            raise ConfigError(f"--polygons {self.polygons}: give a file with a suffix of {', '.join(FORMATS)}")
        if suffix == ".parquet":
            library("pyarrow.parquet", "geoparquet")
        if suffix != f".{self.polygons}" and number_of_maps > 1:
            raise ConfigError(
                f"--polygons {self.polygons} is one file for {number_of_maps} maps: give --polygons {suffix[1:]}, "
                "which writes one beside each mask"
            )

    def polygon_file(self, files: MapFiles) -> Path | None:
        """Returns the file of the polygons of a map; None for none."""
        if self.polygons is None:
            return None
        if f".{self.polygons}" in FORMATS:
            return files.polygons(f".{self.polygons}")
        return Path(self.polygons)

    def describe(self) -> dict[str, Any]:
        """Returns all that the layers depend on besides the mask, as plain values."""
        zones = None
        if self.zones is not None:
            zones = [split_layer(self.zones)[1], *map(measure_file, vector_files(self.zones))]
        return {
            "polygons": self.polygons,
            "simplify": self.simplify,
            "min_area_m2": self.min_area_m2,
            "zones": zones,
        }


def check_layers(source: MapSource, options: LayerOptions, areas: PixelAreas | None) -> Zones | None:
    """Checks that the layers of a map can be made, before hours are spent on its mask, and returns its zones.

    Raises:
        DataError: They ask for meters, and the map has none, or the zones cannot be read or do not meet it.
    """
    if areas is None and (options.simplify or options.min_area_m2):
        raise DataError(
            f"{source.path} does not say how many meters a pixel has: leave out --simplify and --min-area-m2"
        )
    if options.zones is None:
        return None
    return read_zones(options.zones, source.georeference or PIXELS, source.size)


def write_layers(
    source: MapSource,
    files: MapFiles,
    table: ClassTable,
    options: LayerOptions,
    areas: PixelAreas | None,
    zones: Zones | None,
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
        zones: Its zones, as `check_layers` returns them.
        progress: Whether to show a progress bar.

    Returns:
        The files that were written.
    """
    size = source.size
    place = PIXELS if source.georeference is None else source.georeference
    table_of_areas = AreaTable(size, table, areas, zones)
    tolerance = tolerance_in_pixels(options.simplify, areas) if options.simplify else None
    tracer = RegionTracer(size, areas, table.ignore_index, tolerance)
    target = options.polygon_file(files)
    files.areas(".csv").parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as thread, ExitStack() as stack:
        pictures = thread.submit(_draw, source, files)  # while regions are traced
        bar = stack.enter_context(
            progress_bar(total=size[0], unit="row", desc=f"{files.name}: layers", disable=not progress)
        )
        writer = None
        if target is not None:
            writer = stack.enter_context(polygon_writer(target, table, place, areas, options.min_area_m2))
        for mask, confidence in _strips(files):
            table_of_areas.add(mask)
            if writer is not None:
                writer.write(tracer.add(mask, confidence))
            bar.update(len(mask))
    return_freed_memory()
    regions = None if writer is None or options.min_area_m2 else writer.count_by_class
    table_of_areas.write_csv(files.areas(".csv"), regions)
    table_of_areas.write_json(files.areas(".json"), regions)
    write_style(files.mask, table)
    _write_page(source, files, table, table_of_areas.rows(), areas, pictures.result())
    return layer_files(files, table, options)


def layer_files(files: MapFiles, table: ClassTable, options: LayerOptions) -> list[Path]:
    """Returns the files that `write_layers` writes."""
    written = [files.areas(".csv"), files.areas(".json"), files.mask.with_suffix(".qml"), files.page]
    target = options.polygon_file(files)
    if target is None:
        return written
    polygons = [target]
    if target.suffix.lower() != ".gpkg":
        polygons += [target.with_name(f"{target.stem}_{layer}{target.suffix}") for layer in object_layers(table)]
    return [*written, *polygons, *(file.with_suffix(".qml") for file in polygons)]


def _strips(files: MapFiles) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yields the mask and the confidence of strips of a map, from top to bottom."""
    with (
        gdal_options() as rasterio,
        rasterio.open(files.mask, driver="GTiff") as mask,
        rasterio.open(files.confidence, driver="GTiff") as confidence,
    ):
        rows = max(1, _STRIP // mask.width // _BLOCK) * _BLOCK
        for top in range(0, mask.height, rows):
            window = rasterio.windows.Window(0, top, mask.width, min(rows, mask.height - top))
            yield mask.read(1, window=window), confidence.read(1, window=window)


def _draw(source: MapSource, files: MapFiles) -> PagePictures:
    with gdal_options() as rasterio, rasterio.open(files.mask, driver="GTiff") as mask:
        ids = np.asarray(mask.read(1, out_shape=picture_size(source.size)), np.uint8)
    return PagePictures.encode(draw_picture(source), ids)


def _write_page(
    source: MapSource,
    files: MapFiles,
    table: ClassTable,
    rows: list[dict[str, Any]],
    areas: PixelAreas | None,
    pictures: PagePictures,
) -> None:
    whole = [row for row in rows[: len(table)] if row["share"]]
    shares = {row["class"]: row["share"] for row in whole}
    square_meters = None if areas is None else {row["class"]: row["area_m2"] for row in whole}
    height, width = source.size
    facts, meters = f"{width:,} x {height:,} pixels", None
    if areas is not None and source.georeference is not None:
        meters = math.sqrt(areas.mean)
        facts += f" of {100 * meters:.3g} cm, {horizontal_crs(source.georeference.crs).name}"
        meters *= width / pictures.size[1]
    title = Path(files.name).name
    write_map_page(files.page, title, facts, pictures, table, shares, square_meters, meters)
