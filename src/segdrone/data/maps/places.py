"""Where rasters lie: their outlines, the UTM zone of their middle, and meters per pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segdrone.errors import DataError
from segdrone.raster.crs import WGS84, Points, name_of, transform_between, utm_zone
from segdrone.raster.geo_libraries import library
from segdrone.raster.georeference import Georeference
from segdrone.raster.turns import turn_of
from segdrone.windows import Size

_SPAN = 0.25  # of the raster's width, over which a pixel is measured
_EDGE_POINTS = 17  # of an edge whose image in another system is a curve


def outline(size: Size) -> Points:
    """Returns points along the border of a raster of `size` pixels, as columns and rows."""
    height, width = size
    return box_outline(0, 0, width, height)


def box_outline(left: float, top: float, right: float, bottom: float) -> Points:
    """Returns points along the border of a rectangle: its corners, and 16 on each side."""
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
    steps = np.linspace(0, 1, _EDGE_POINTS)[:-1, None]
    return np.concatenate([a + steps * (b - a) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)])


def inverse_transform(place: Georeference) -> Callable[[Points], Points]:
    """Returns the function from coordinates to columns and rows."""
    a, b, c, d, e, f = place.transform
    matrix = np.linalg.inv(np.array([(a, b), (d, e)], np.float64))
    return lambda points: (points - (c, f)) @ matrix.T


def utm_zone_of(place: Georeference, size: Size) -> str:
    """Returns the UTM zone (WGS 84) of the middle of a raster, such as `EPSG:32633`.

    Raises:
        DataError: The raster has no known place on Earth.
    """
    [[longitude, latitude]] = _degrees(place, np.array([[size[1] / 2, size[0] / 2]])).tolist()
    return utm_zone(longitude, latitude)


def is_beyond_antimeridian(place: Georeference, size: Size) -> bool:
    """Returns whether a raster in degrees or Mercator has places beyond 180 degrees, where others count from -180."""
    turn = turn_of(place.crs)
    if turn is None:
        return False
    x = place.coordinates(outline(size))[:, 0]
    return bool(np.abs(x - turn.center).max() > turn.length / 2 * (1 + 1e-9))


def pixel_sides(place: Georeference, size: Size) -> tuple[float, float]:
    """Returns the meters of a pixel across and down in the middle of a raster, measured on the ellipsoid.

    The units of a system are no such meters: those of EPSG:3857 are 0.68 m at 47 degrees.

    Raises:
        DataError: The raster has no known place on Earth.
    """
    height, width = size
    row, column = height / 2, width / 2
    down, across = max(1.0, _SPAN * height), max(1.0, _SPAN * width)
    points = np.array([(column - across / 2, row), (column + across / 2, row), (column, row - down / 2),
                       (column, row + down / 2)])  # fmt: skip
    left, right, top, bottom = _degrees(place, points)
    geod = library("pyproj").Geod(ellps="WGS84")
    x, y = (geod.inv(*start, *end)[2] / steps for start, end, steps in ((left, right, across), (top, bottom, down)))
    return x, y


def _degrees(place: Georeference, pixels: Points) -> Points:
    """Returns longitude and latitude of columns and rows."""
    points = transform_between(place.crs, WGS84)(place.coordinates(pixels))
    if not np.isfinite(points).all():
        raise DataError(
            f"a raster in {name_of(place.crs)} lies outside of where that system is defined: fix its coordinate system "
            "(gdal_edit -a_srs EPSG:CODE)"
        )
    return points
