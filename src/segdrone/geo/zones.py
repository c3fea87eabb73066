"""Read zones, such as parcels, and place them on a raster."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.geo.crs import horizontal_crs, transformer
from segdrone.geo.libraries import library
from segdrone.geo.zone_file import ZoneLayer, read_layer
from segdrone.raster.georeference import Georeference
from segdrone.utils.console import one_line
from segdrone.windows import Size, Window

log = logging.getLogger(__name__)

_STEPS = 1024  # of the side of the raster: a straight edge of 1 km in degrees is then true to a millimeter in UTM
_FARTHEST = 1e12  # coordinate of a place on Earth, in any unit
_NAMED = 5  # zones that a warning names
_POLYGONAL = ("Polygon", "MultiPolygon")


class Zones(NamedTuple):
    """Zones on a raster; they may overlap.

    Attributes:
        ids: Place of each in the file, from 1.
        names: Of the zones; those without a name are called by their place in the file.
        shapes: Their shapely polygons in columns and rows of the raster, object `[Z]`.
        is_inside: Whether all of a zone lies in the raster, bool `[Z]`.
    """

    ids: list[int]
    names: list[str]
    shapes: NDArray[np.object_]
    is_inside: NDArray[np.bool_]

    def meeting(self, window: Window) -> list[int]:
        """Returns the zones whose bounds meet a window."""
        left, top, right, bottom = library("shapely").bounds(self.shapes).T
        across = (left < window.left + window.width) & (right > window.left)
        return [
            int(zone) for zone in np.flatnonzero(across & (top < window.top + window.height) & (bottom > window.top))
        ]

    def cover(self, zone: int, window: Window) -> tuple[Window, NDArray[np.bool_]] | None:
        """Returns the part of a window in which a zone lies, and which pixels have their center in it, bool `[h, w]`.

        Returns None if the zone does not meet the window.
        """
        shapely, features = library("shapely"), library("rasterio.features")
        shape = self.shapes[zone]
        left, top, right, bottom = shape.bounds
        first, last = max(int(top), window.top), min(int(np.ceil(bottom)), window.top + window.height)
        begin, end = max(int(left), window.left), min(int(np.ceil(right)), window.left + window.width)
        if first >= last or begin >= end:
            return None
        part = Window(first, begin, last - first, end - begin)
        clipped = shapely.clip_by_rect(shape, begin - 1, first - 1, end + 1, last + 1)
        if clipped.is_empty:
            return None
        moved = library("affine").Affine.translation(begin, first)
        cover = features.rasterize([clipped], (part.height, part.width), transform=moved, dtype=np.uint8)
        return part, cover.astype(bool)


def read_zones(path: Path, place: Georeference, size: Size) -> Zones:
    """Reads the polygons of a file, in the coordinate system of a raster.

    Straight edges of the file stay straight in its own system: they are divided before they are reprojected.

    Args:
        path: `.gpkg`, `.geojson`, `.json`, `.fgb` or `.shp`.
        place: Where the raster lies.
        size: Its height and width.

    Raises:
        DataError: The file cannot be read, holds no polygons, or none of them meets the raster.
    """
    shapely = library("shapely")
    layer = read_layer(path)
    shapes = _polygons(layer, path)
    chosen = np.flatnonzero(~shapely.is_empty(shapes))
    names = np.array(layer.names, object)[chosen]
    shapes = _on_raster(shapes[chosen], layer.crs, place, size, path)
    frame = shapely.box(0, 0, size[1], size[0])
    meets = shapely.area(shapely.intersection(shapes, frame)) > 0
    if not meets.any():
        raise DataError(
            f"none of the {len(shapes)} zones of {path.name} meets the raster: check that both lie in the same place "
            "and that the coordinate systems of both are right"
        )
    if not meets.all():
        log.warning("%s: beside the raster, left out: %s", path.name, _named(names[~meets]))
    inside = shapely.covered_by(shapes, shapely.buffer(frame, 1e-6))
    if (meets & ~inside).any():
        log.warning(
            "%s: partly beside the raster, whose pixels alone count: %s", path.name, _named(names[meets & ~inside])
        )
    return Zones((chosen[meets] + 1).tolist(), names[meets].tolist(), shapes[meets], inside[meets])


def _polygons(layer: ZoneLayer, path: Path) -> NDArray[np.object_]:
    """Returns valid polygons; what is no polygon is empty."""
    shapely = library("shapely")
    shapes, names = layer.shapes.copy(), np.array(layer.names, object)
    coordinates, index = shapely.get_coordinates(shapes, return_index=True)
    is_wild = np.zeros(len(shapes), bool)
    is_wild[index[~(np.abs(coordinates) < _FARTHEST).all(axis=1)]] = True
    if is_wild.any():
        log.warning("%s: coordinates that are no numbers, left out: %s", path.name, _named(names[is_wild]))
    shapes[is_wild] = shapely.Polygon()
    is_missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    is_broken = ~is_missing & ~shapely.is_valid(shapes)
    shapes[is_broken] = shapely.make_valid(shapes[is_broken])
    if is_broken.any():
        log.warning("%s: rings that cross or touch themselves, mended: %s", path.name, _named(names[is_broken]))
    for index in np.flatnonzero(~is_missing):
        if shapes[index].geom_type not in _POLYGONAL:
            parts = shapely.get_parts(shapes[index])
            shapes[index] = shapely.union_all([part for part in parts if part.geom_type in _POLYGONAL])
    is_other = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if is_other.all():
        raise DataError(f"{path.name} holds no polygons: zones are areas, not points or lines")
    if (is_other & ~is_wild).any():
        log.warning("%s: no polygons, left out: %s", path.name, _named(names[is_other & ~is_wild]))
    shapes[is_other] = shapely.Polygon()
    return np.asarray(shapes, object)


def _on_raster(
    shapes: NDArray[np.object_], crs: Any, place: Georeference, size: Size, path: Path
) -> NDArray[np.object_]:
    """Returns zones in columns and rows of the raster, without what lies far from it."""
    shapely = library("shapely")
    own = horizontal_crs(place.crs) if place.crs else None
    if own is None and crs is not None:
        raise DataError(f"{path.name} lies in {crs.name}, and the raster has no coordinate system: assign it one")
    if own is not None and crs is None:
        log.warning("%s has no coordinate system: taken for that of the raster, %s", path.name, own.name)
        crs = own
    columns, rows = np.meshgrid(np.linspace(0, size[1], 65), np.linspace(0, size[0], 65))
    grid = place.coordinates(np.stack([columns.ravel(), rows.ravel()], axis=1))  # a pole may lie inside
    if own is not None and not own.equals(crs, ignore_axis_order=True):
        there = transformer(crs, own)
        grid = np.stack(there.transform(grid[:, 0], grid[:, 1], direction="INVERSE"), axis=1)
        low, high = grid.min(axis=0), grid.max(axis=0)
        if not np.isfinite([low, high]).all():
            raise DataError(f"the raster has no place in {crs.name}, the system of {path.name}")
        margin = (high - low) * 0.1
        near = shapely.box(*(low - margin), *(high + margin))
        shapes = shapely.segmentize(shapely.intersection(shapes, near), float((high - low).max()) / _STEPS)
        shapes = shapely.transform(shapes, lambda xy: np.stack(there.transform(xy[:, 0], xy[:, 1]), axis=1))
        if not np.isfinite(shapely.get_coordinates(shapes)).all():
            raise DataError(f"a zone of {path.name} has no place in {own.name}, the system of the raster")
    if own is not None and own.is_geographic:
        shapes = _nearest_turn(shapes, place, size, own)
    a, b, c, d, e, f = place.transform
    inverse = np.linalg.inv(np.array([[a, b], [d, e]]))
    shapes = shapely.transform(shapes, lambda xy: (xy - (c, f)) @ inverse.T)
    return np.asarray(shapely.make_valid(shapes), object)


def _nearest_turn(shapes: NDArray[np.object_], place: Georeference, size: Size, crs: Any) -> NDArray[np.object_]:
    """Moves zones by whole turns of longitude next to the raster: 181 and -179 degrees are one place."""
    affinity, shapely = library("shapely.affinity"), library("shapely")
    turn = 2 * np.pi / crs.axis_info[0].unit_conversion_factor
    center = place.coordinates(np.array([[size[1] / 2, size[0] / 2]]))[0, 0]
    moved = shapes.copy()
    for index in np.flatnonzero(~shapely.is_empty(shapes)):
        left, _, right, _ = shapes[index].bounds
        if turns := round((center - (left + right) / 2) / turn):
            moved[index] = affinity.translate(shapes[index], turns * turn)
    return moved


def _named(names: NDArray[np.object_]) -> str:
    more = "" if len(names) <= _NAMED else f" and {len(names) - _NAMED} more"
    return ", ".join(f"zone {one_line(name)[:60]}" for name in names[:_NAMED]) + more
