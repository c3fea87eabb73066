"""Coordinate systems: between two of them, the UTM zone of a place, and meters per pixel."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError, DataError
from segdrone.raster.georeference import Georeference
from segdrone.windows import Size

log = logging.getLogger(__name__)

Points = NDArray[np.float64]
"""Coordinates, float64 `[N, 2]`, x (east, or longitude) and y."""

WGS84 = "EPSG:4326"
_SPAN = 0.25  # of the raster's width, over which a pixel is measured
_EDGE_POINTS = 17  # of an edge whose image in another system is a curve


def import_pyproj() -> Any:
    """Returns the module `pyproj`, which stays away from the network.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import pyproj
        import pyproj.network
        import pyproj.transformer
    except ImportError:
        raise ConfigError("maps need the extra geo: pip install 'segdrone[geo]'") from None
    pyproj.network.set_network_enabled(False)
    return pyproj


@cache
def transform_between(source: str, target: str) -> Callable[[Points], Points]:
    """Returns the function that takes coordinates of one system to another; points without an image become infinite.

    Args:
        source: A coordinate system, as WKT or `EPSG:CODE`.
        target: Another one.

    Raises:
        DataError: One of the systems has no place on Earth, or is unknown.
    """
    pyproj = import_pyproj()
    try:
        first, second = pyproj.CRS.from_user_input(source), pyproj.CRS.from_user_input(target)
        if first.equals(second, ignore_axis_order=True):
            return lambda points: points
        with warnings.catch_warnings(action="ignore"):  # of missing grids, told below
            group = pyproj.transformer.TransformerGroup(first, second, always_xy=True)
        transformers, reason = group.transformers, "there is no transformation between them"
    except pyproj.exceptions.ProjError as error:
        transformers, reason = [], " ".join(str(error).split())[:200]
    if not transformers:
        raise DataError(
            f"the coordinate systems {name_of(source)} and {name_of(target)} cannot be compared ({reason}): reproject "
            "one of the files (gdalwarp, ogr2ogr -t_srs), or say the system that it has (gdal_edit -a_srs)"
        )
    transformer = transformers[0]
    if not group.best_available:
        _tell_missing_grid(*sorted((first.name, second.name)), transformer.accuracy)

    def transform(points: Points) -> Points:
        return np.stack(transformer.transform(points[:, 0], points[:, 1]), axis=1)

    return transform


@cache
def _tell_missing_grid(first: str, second: str, accuracy: float) -> None:
    log.warning(
        "between %s and %s the best transformation needs a grid that is not installed (projsync): another one of %s is "
        "used", first, second, f"{accuracy:g} m" if accuracy >= 0 else "an unknown accuracy",
    )  # fmt: skip


def name_of(crs: str) -> str:
    """Returns the name of a coordinate system, for a message.

    Example:
        >>> name_of("EPSG:32633")
        'WGS 84 / UTM zone 33N'
    """
    pyproj = import_pyproj()
    try:
        return str(pyproj.CRS.from_user_input(crs).name)
    except pyproj.exceptions.ProjError:
        return crs[:60]


def outline(size: Size) -> Points:
    """Returns points along the border of a raster of `size` pixels, as columns and rows."""
    height, width = size
    return box_outline(0, 0, width, height)


def box_outline(left: float, top: float, right: float, bottom: float) -> Points:
    """Returns points along the border of a rectangle: its corners, and 16 on each side."""
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
    steps = np.linspace(0, 1, _EDGE_POINTS)[:-1, None]
    return np.concatenate([a + steps * (b - a) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)])


def bounds(points: Points) -> tuple[float, float, float, float] | None:
    """Returns the smallest x and y and the largest x and y of points; None if one of them has no place."""
    if not np.isfinite(points).all():
        return None
    (left, bottom), (right, top) = points.min(0).tolist(), points.max(0).tolist()
    return left, bottom, right, top


def inverse_transform(place: Georeference) -> Callable[[Points], Points]:
    """Returns the function from coordinates to columns and rows."""
    a, b, c, d, e, f = place.transform
    matrix = np.linalg.inv(np.array([(a, b), (d, e)], np.float64))
    return lambda points: (points - (c, f)) @ matrix.T


def utm_zone(place: Georeference, size: Size) -> str:
    """Returns the UTM zone (WGS 84) of the middle of a raster, such as `EPSG:32633`.

    Raises:
        DataError: The raster has no known place on Earth.
    """
    [[longitude, latitude]] = _degrees(place, np.array([[size[1] / 2, size[0] / 2]])).tolist()
    zone = min(60, int((longitude + 180) % 360 // 6) + 1)
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def ground_sampling_distance(place: Georeference, size: Size) -> float:
    """Returns the meters per pixel in the middle of a raster, measured on the ellipsoid.

    The units of a system are no such meters: those of EPSG:3857 are 0.68 m at 47 degrees. Of pixels that are not
    square it is the geometric mean of both sides.

    Raises:
        DataError: The raster has no known place on Earth.
    """
    height, width = size
    row, column = height / 2, width / 2
    down, across = max(1.0, _SPAN * height), max(1.0, _SPAN * width)
    points = np.array([(column - across / 2, row), (column + across / 2, row), (column, row - down / 2),
                       (column, row + down / 2)])  # fmt: skip
    left, right, top, bottom = _degrees(place, points)
    geod = import_pyproj().Geod(ellps="WGS84")
    x, y = (geod.inv(*start, *end)[2] / steps for start, end, steps in ((left, right, across), (top, bottom, down)))
    return math.sqrt(x * y)


def _degrees(place: Georeference, pixels: Points) -> Points:
    """Returns longitude and latitude of columns and rows."""
    points = transform_between(place.crs, WGS84)(place.coordinates(pixels))
    if not np.isfinite(points).all():
        raise DataError(
            f"a raster in {name_of(place.crs)} lies outside of where that system is defined: fix its coordinate system "
            "(gdal_edit -a_srs EPSG:CODE)"
        )
    return points
