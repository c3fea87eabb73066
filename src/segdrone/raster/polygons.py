"""Make polygons of others sound, and place them on a raster."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import shorten_list
from segdrone.raster.crs import Points, are_equal, horizontal_crs, transform_between
from segdrone.raster.geo_libraries import library
from segdrone.raster.georeference import Georeference
from segdrone.raster.turns import turn_of
from segdrone.utils.console import one_line
from segdrone.windows import Size

log = logging.getLogger(__name__)

Shapes = NDArray[np.object_]
"""Geometries of shapely, object `[N]`."""

Extent = tuple[float, float, float, float]
"""The smallest x and y, and the largest."""

FARTHEST = 1e12
"""Largest coordinate of a place on Earth, in any unit."""

_POLYGON, _MULTIPOLYGON = 3, 6  # of shapely
_MARGIN = 0.1  # of a raster's extent, beyond which polygons are cut off
_SEGMENT = 250.0  # meters: a straight line of that length is 2 mm off in another system
_STEPS = 1024  # of the side of a larger raster
_DEGREE = 111_000.0  # meters
_NAMED = 5  # features that a warning names


def mend(shapes: Shapes, names: NDArray[Any], where: object) -> Shapes:
    """Returns valid polygons and multipolygons; what is none is empty. Warnings name what was mended or left out.

    Rings that cross or touch themselves are mended by `shapely.make_valid`; of collections, polygons are kept.

    Args:
        shapes: Geometries or None.
        names: What each is called in warnings, such as `zone A`, `[N]`.
        where: Their file, for warnings.
    """
    shapely = library("shapely")
    shapes = shapes.copy()
    is_missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    coordinates, index = shapely.get_coordinates(shapes, return_index=True)
    is_wild = np.zeros(len(shapes), bool)
    is_wild[index[~(np.abs(coordinates) < FARTHEST).all(axis=1)]] = True
    shapes[is_wild | is_missing] = shapely.Polygon()
    is_broken = ~shapely.is_valid(shapes)
    shapes[is_broken] = _valid(shapes[is_broken])
    for number in np.flatnonzero(~are_polygons(shapes)):
        parts = shapely.get_parts(shapes[number])
        shapes[number] = shapely.union_all(parts[are_polygons(parts)])
    is_empty = shapely.is_empty(shapes)
    shapes[is_empty] = shapely.Polygon()
    for chosen, what in (
        (is_wild, "coordinates that are no numbers, left out"),
        (is_broken & ~is_empty, "rings that cross or touch themselves, repaired"),
        (is_empty & ~is_wild, "no polygons, left out"),
    ):
        if chosen.any():
            log.warning("%s: %s: %s", where, what, list_features(names[chosen].tolist()))
    return np.asarray(shapes, object)


def list_features(names: Sequence[object]) -> str:
    """Returns the first names for a message, and how many more there are.

    Example:
        >>> list_features([f"feature {number}" for number in range(1, 9)])
        'feature 1, feature 2, feature 3, feature 4, feature 5 and 3 more'
    """
    return shorten_list(names, _NAMED, lambda name: one_line(name)[:60])


def clip(shapes: Shapes, extent: Extent) -> Shapes:
    """Returns the parts of polygons within an extent."""
    shapely = library("shapely")
    try:
        return np.asarray(shapely.clip_by_rect(shapes, *extent), object)
    except shapely.errors.GEOSException:  # of rings that shrink to two points; the general way is ten times as slow
        return np.asarray(shapely.intersection(_valid(shapes), shapely.box(*extent)), object)


def points_of(place: Georeference, size: Size) -> Points:
    """Returns coordinates all over a raster, also of its middle, where a pole may be: float64 `[N, 2]`."""
    columns, rows = np.meshgrid(np.linspace(0, size[1], 65), np.linspace(0, size[0], 65))
    return place.coordinates(np.stack([columns.ravel(), rows.ravel()], axis=1))


def extent_of(points: Points) -> Extent | None:
    """Returns the extent of points; None if one of them has no place."""
    if not np.isfinite(points).all():
        return None
    (left, bottom), (right, top) = points.min(0).tolist(), points.max(0).tolist()
    return left, bottom, right, top


def extent_around(points: Points, crs: str) -> Extent | None:
    """Returns an extent around points, a tenth larger; None if one has no place.

    Around a pole and across the date line it has all longitudes.

    Args:
        points: Such as `points_of` a raster, in another system.
        crs: That system; empty if it is not known.
    """
    if (extent := extent_of(points)) is None:
        return None
    left, bottom, right, top = extent
    x, y = _MARGIN * (right - left), _MARGIN * (top - bottom)
    turn = turn_of(crs) if crs else None
    if turn is not None:
        half = turn.length / 2
        if right - left > half or left < turn.center - half or right > turn.center + half:
            left, right, x = turn.center - turn.length, turn.center + turn.length, 0.0
    return left - x, bottom - y, right + x, top + y


def reproject(shapes: Shapes, source: str, target: str, extent: Extent | None) -> Shapes:
    """Returns polygons in another coordinate system. Straight edges stay straight in their own: they get more points.

    Args:
        shapes: Polygons.
        source: Their system, as WKT or `AUTHORITY:CODE`.
        target: Another one.
        extent: In the source, what is beyond which is cut off; None for nothing.

    Raises:
        DataError: The systems cannot be compared.
    """
    transform = transform_between(source, target)
    if extent is not None:
        shapes = clip(shapes, extent)
    if are_equal(source, target):
        return shapes
    shapely, segment = library("shapely"), _SEGMENT / meters_per_unit(source)
    if extent is not None:
        segment = max(segment, min(extent[2] - extent[0], extent[3] - extent[1]) / _STEPS)
    return np.asarray(shapely.transform(shapely.segmentize(shapes, segment), transform), object)


def meters_per_unit(crs: str) -> float:
    """Returns the meters in a unit of a coordinate system, roughly; of degrees, those along a meridian."""
    system = horizontal_crs(crs)
    unit = float(system.axis_info[0].unit_conversion_factor or 1)
    return float(np.degrees(unit)) * _DEGREE if system.is_geographic else unit


def _valid(shapes: Shapes) -> Shapes:
    return np.asarray(library("shapely").make_valid(shapes, method="structure", keep_collapsed=False), object)


def are_polygons(shapes: Shapes) -> NDArray[np.bool_]:
    """Returns which geometries are polygons or multipolygons, empty ones too: bool `[N]`."""
    return np.isin(library("shapely").get_type_id(shapes), (_POLYGON, _MULTIPOLYGON))
