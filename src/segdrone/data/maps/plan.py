"""Open maps and labels, compare them, and plan the tiles; no pixel of a map is read."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segdrone.classes import ClassTable
from segdrone.data.maps.blocks import Tile, default_block, tiles_of
from segdrone.data.maps.label_classes import (
    category_names,
    compare_names,
    ids_of_values,
    load_classes,
    lookup_of_mask,
    table_of_categories,
    table_of_values,
)
from segdrone.data.maps.label_layer import open_layer
from segdrone.data.maps.labels import Labels, PolygonLabels
from segdrone.data.maps.mask_labels import MaskLabels, is_raster_file, open_mask, tell_nodata
from segdrone.data.maps.options import CutOptions
from segdrone.data.maps.places import is_beyond_antimeridian, pixel_sides, utm_zone_of
from segdrone.data.maps.polygons import Grid, read_polygons
from segdrone.data.maps.sources import find_rasters
from segdrone.errors import ConfigError, DataError
from segdrone.raster import ImageSource, MapSource
from segdrone.raster.crs import name_of
from segdrone.raster.georeference import tell_stretched
from segdrone.raster.vector_file import Layer, is_vector_file, split_layer
from segdrone.windows import Window

log = logging.getLogger(__name__)

_FEWEST = 32  # pixels of a block's side
_SMALLEST = 8  # tiles whose side is less than this part of the largest are left out


@dataclass
class PlannedRaster:
    """A map, and what is cut from it.

    Attributes:
        name: What its tiles are named by.
        file: The map.
        source: The map in the size in which it is cut.
        grid: Where the pixels of `source` lie.
        gsd: Meters per pixel of `source`; of pixels that are not square the geometric mean of both sides.
        labels: Its labels, the last on top.
        aoi: The polygons that limit what is used; None if nothing does.
        tiles: The tiles that may have a label.
    """

    name: str
    file: MapSource
    source: ImageSource
    grid: Grid
    gsd: float
    labels: list[Labels] = field(default_factory=list)
    aoi: PolygonLabels | None = None
    tiles: list[Tile] = field(default_factory=list)


@dataclass
class Plan:
    """What is cut.

    Attributes:
        rasters: The maps that have labels.
        table: The classes.
        block: Meters of the side of a block.
        crs: The system in which blocks are squares.
        narrow: Number of tiles that are left out, as a side is shorter than an eighth of the longest.
    """

    rasters: list[PlannedRaster]
    table: ClassTable
    block: float
    crs: str
    narrow: int = 0


def plan_cut(options: CutOptions) -> Plan:
    """Opens the files of a cut and plans its tiles.

    Raises:
        DataError: A file cannot be used, or labels, maps and classes do not fit each other.
        ConfigError: An option is missing, or the extra `geo`.
    """
    rasters = _open_rasters(options)
    layers = open_labels(options)
    if options.attribute is not None and not any(isinstance(layer, Layer) for layer in layers):
        log.warning("data.class_attribute=%s is not used: the labels are masks", options.attribute)
    drawn = {
        (number, index): read_polygons(layer, options.attribute, raster.grid)
        for number, layer in enumerate(layers) if isinstance(layer, Layer) for index, raster in enumerate(rasters)
    }  # fmt: skip
    counts = [
        sum((Counter(drawn[number, index].values) for index in range(len(rasters))), Counter[str]())
        if isinstance(layer, Layer) else Counter[str]()
        for number, layer in enumerate(layers)
    ]  # fmt: skip
    _check_places(layers, counts, rasters)
    table = _find_table(options, layers, counts)
    for number, layer in enumerate(layers):
        ids = ids_of_values(counts[number], table, _where(layer, options.attribute)) if isinstance(layer, Layer) else {}
        if unnamed := counts[number][""]:
            log.warning("%s: %d polygons have no %s: they are no label", layer, unnamed, options.attribute)
        for index, raster in enumerate(rasters):
            if isinstance(layer, Layer):
                raster.labels.append(PolygonLabels(drawn[number, index], ids))
            else:
                raster.labels.append(MaskLabels(layer, raster.grid, lookup_of_mask(table)))
    _check_masks(rasters)
    _limit(options, rasters)
    gsd = max(raster.gsd for raster in rasters)
    block = options.block or default_block(options.tile, gsd)
    if (pixels := block / gsd) < _FEWEST:
        least = math.ceil(_FEWEST * gsd)
        raise ConfigError(f"data.block_m={block:g} is {pixels:.3g} pixels of {100 * gsd:.3g} cm: give {least} or more")
    plan = Plan(rasters, table, block, utm_zone_of(rasters[0].grid.place, rasters[0].grid.size))
    _plan_tiles(plan, options.tile)
    return plan


def _open_rasters(options: CutOptions) -> list[PlannedRaster]:
    opened: list[PlannedRaster] = []
    for path in find_rasters(options.rasters, options.labels):
        file = MapSource(path, channels=options.channels)
        place, size = file.georeference, file.size
        if place is None or not place.crs:
            what = "no place on Earth" if place is None else "no coordinate system"
            raise DataError(
                f"{path} has {what}, so its labels cannot be found: give it one (gdal_edit -a_srs EPSG:CODE -a_ullr "
                "WEST NORTH EAST SOUTH), or train on photographs with masks of their size (data=folder)"
            )
        if is_beyond_antimeridian(place, size):
            raise DataError(
                f"{path} reaches beyond 180 degrees in {name_of(place.crs)}, where labels would be missed: reproject "
                f"it (gdalwarp -t_srs {utm_zone_of(place, size)} FILE NEW)"
            )
        sides, grid = pixel_sides(place, size), Grid(str(path), place, size)
        tell_stretched(str(path), *sides)
        gsd = math.sqrt(math.prod(sides))
        raster = PlannedRaster(_name(path, [other.name for other in opened]), file, file, grid, gsd)
        opened.append(raster if options.gsd is None else _resample(raster, options.gsd / 100))
    return opened


def _resample(raster: PlannedRaster, gsd: float) -> PlannedRaster:
    """Returns a map in the size in which a pixel is `gsd` meters."""
    height, width = raster.grid.size
    size = max(1, round(height * raster.gsd / gsd)), max(1, round(width * raster.gsd / gsd))
    if size == raster.grid.size:
        return raster
    if gsd < 0.99 * raster.gsd:
        log.warning(
            "%s has %.3g cm per pixel: at data.map_gsd=%g it is enlarged, which adds no detail", raster.grid.path,
            100 * raster.gsd, 100 * gsd,
        )  # fmt: skip
    place = raster.grid.place.resized(height / size[0], width / size[1])
    grid = Grid(raster.grid.path, place, size)
    return PlannedRaster(raster.name, raster.file, raster.file.resized(size), grid, gsd)


def _name(path: Path, taken: Sequence[str]) -> str:
    """Returns a name for tiles of a map, without characters that some disks refuse, that no other map has."""
    name = re.sub(r"[^\w-]+", "-", path.stem)[:60].strip("-") or "map"
    used = {other.lower() for other in taken}
    number = next(i for i in range(1, len(taken) + 2) if (name if i == 1 else f"{name}-{i}").lower() not in used)
    return name if number == 1 else f"{name}-{number}"


def open_labels(options: CutOptions) -> list[Layer | Path]:
    """Returns the layer of each file of polygons, and the path of each mask.

    Raises:
        DataError: A file is missing, of another kind, or does not say where it lies.
        ConfigError: There are polygons, and their attribute is not given.
    """
    return [_open_labels(given, options.attribute) for given in options.labels]


def _open_labels(given: str, attribute: str | None) -> Layer | Path:
    """Returns the layer of a file of polygons, or the path of a mask."""
    path, layer = split_layer(given)
    if not path.is_file():
        raise DataError(f"{path} does not exist: check the path in data.labels")
    if layer is None and not is_vector_file(path) and is_raster_file(path):
        open_mask(path)
        return path
    if attribute is None:
        names = ", ".join(open_layer(given, None).fields[:20]) or "none"
        raise ConfigError(f"data.class_attribute is not set: name the attribute of {path} with the classes, of {names}")
    return open_layer(given, attribute)


def _check_places(layers: Sequence[Layer | Path], counts: Sequence[Counter[str]], rasters: list[PlannedRaster]) -> None:
    """Refuses labels of which none lies where a map is."""
    for layer, found in zip(layers, counts, strict=True):
        if isinstance(layer, Layer) and not found:
            raster = rasters[0].grid
            others = " and the other maps lie" if len(rasters) > 1 else " lies"
            raise DataError(
                f"{layer} ({name_of(layer.crs)}) has no polygon where {raster.path} ({name_of(raster.place.crs)})"
                f"{others}: check both coordinate systems"
            )


def _check_masks(rasters: Sequence[PlannedRaster]) -> None:
    """Refuses a mask that lies on no map; the labels of all maps are in the same order."""
    for on_maps in zip(*(raster.labels for raster in rasters), strict=True):
        whole = [Window(0, 0, *raster.grid.size) for raster in rasters]
        met = [labels.meets(window) for labels, window in zip(on_maps, whole, strict=True)]
        if isinstance(on_maps[0], MaskLabels) and not any(met):
            raise DataError(f"the mask {on_maps[0].path} lies on no map: check its coordinate system and its place")


def _where(layer: Layer, attribute: str | None) -> str:
    return f"the attribute {attribute} of {layer}"


def _find_table(options: CutOptions, layers: Sequence[Layer | Path], counts: Sequence[Counter[str]]) -> ClassTable:
    """Returns the class table that is given, or the one of the values of polygons and the names in masks."""
    table = load_classes(options.classes)
    masks = [layer for layer in layers if isinstance(layer, Path)]
    if table is None and masks:
        names = {mask: category_names(mask) for mask in masks}
        if unnamed := [mask for mask in masks if not names[mask]]:
            raise ConfigError(f"{unnamed[0]} holds ids and does not say of which classes: give data.classes=FILE.csv")
        table = table_of_categories(names[masks[0]])
    if table is None:
        named = [_where(layer, options.attribute) for layer in layers if isinstance(layer, Layer)]
        table = table_of_values(sum(counts, Counter[str]()), " and ".join(named))
        log.info("the classes are the values of %s: %s", " and ".join(named), ", ".join(table.names))
    names_of_ids = dict(zip(table.stored_values, table.names, strict=True))
    for mask in masks:
        compare_names(category_names(mask), table, str(mask))
        tell_nodata(mask, open_mask(mask), names_of_ids)
    return table


def _limit(options: CutOptions, rasters: list[PlannedRaster]) -> None:
    """Finds the areas of interest in each map; maps without any have no tiles."""
    if options.aoi is None:
        return
    layer = open_layer(options.aoi, None)
    areas = [read_polygons(layer, None, raster.grid) for raster in rasters]
    if not any(len(area.values) for area in areas):
        raise DataError(
            f"the area of interest {layer} ({name_of(layer.crs)}) has no polygon where {rasters[0].grid.path} "
            f"({name_of(rasters[0].grid.place.crs)}) lies: check both coordinate systems"
        )
    for raster, area in zip(rasters, areas, strict=True):
        raster.aoi = PolygonLabels(area, {"": 0})


def _plan_tiles(plan: Plan, tile: int) -> None:
    for raster in plan.rasters:
        for found in tiles_of(raster.grid, plan.crs, plan.block, tile):
            window = found.window
            labeled = any(labels.meets(window) for labels in raster.labels)
            if not labeled or (raster.aoi is not None and not raster.aoi.meets(window)):
                continue
            if min(window.height, window.width) * _SMALLEST < min(tile, plan.block / raster.gsd):
                plan.narrow += 1
            else:
                raster.tiles.append(found)
        if not raster.tiles:
            log.warning("%s has no labels, and is left out", raster.grid.path)
    plan.rasters = [raster for raster in plan.rasters if raster.tiles]
    if not plan.rasters:
        raise DataError("no tile has a label: check the coordinate systems of maps, labels and areas of interest")
