"""Keep together what lies on both sides of the antimeridian, where x jumps from one end of a map to the other."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.crs import Points, geodetic_of, horizontal_crs, name_of
from segdrone.raster.geo_libraries import library

_NOISE = 1e-12  # of a turn of longitude
_STEP = 10.0  # degrees between the places that tell whether x grows with the longitude


class Turn(NamedTuple):
    """How a coordinate system counts longitudes.

    Attributes:
        length: What a whole turn adds to x, such as 360 in degrees.
        center: x in the middle between both ends of the system, as 0 is between -180 and 180 degrees.
    """

    length: float
    center: float


@cache
def turn_of(crs: str) -> Turn | None:
    """Returns how x counts longitudes, in degrees and in Mercator for example; None if it is not proportional to them.

    Args:
        crs: A coordinate system, as WKT or `AUTHORITY:CODE`.

    Raises:
        DataError: As `read_crs`.

    Example:
        >>> turn_of("EPSG:4326"), turn_of("EPSG:32633")
        (Turn(length=360.0, center=0.0), None)
        >>> round(turn_of("EPSG:3857").length)
        40075017
    """
    system = horizontal_crs(crs)
    if system.is_geographic:
        return Turn(2 * math.pi / system.axis_info[0].unit_conversion_factor, 0.0)
    geodetic = geodetic_of(system)
    step = math.radians(_STEP) / geodetic.axis_info[0].unit_conversion_factor
    x, y = np.meshgrid(step * np.arange(6), [0.0, 4 * step])
    transformer = library("pyproj").Transformer.from_crs(system, geodetic, always_xy=True)
    places = np.asarray(transformer.transform(x, y, direction="INVERSE")[0])
    steps = np.diff(places, axis=1)
    middle = float(np.median(steps))
    if not (np.abs(steps - middle) < 1e-9 * abs(middle)).sum(axis=1).min() >= steps.shape[1] - 1:  # one may jump
        return None
    eastings = [p.value for p in system.coordinate_operation.params if p.name == "False easting"]
    return Turn(abs(middle) * 360 / _STEP, float(eastings[0]) if eastings else 0.0)


def to_turn(points: Points, turn: Turn, x: float) -> Points:
    """Returns points moved by whole turns of longitude to where they are nearest to `x`.

    Example:
        >>> to_turn(np.array([[-179.9, 1.0], [179.0, 1.0]]), Turn(360.0, 0.0), 179.5).tolist()
        [[180.1, 1.0], [179.0, 1.0]]
    """
    return points - np.round((points[:, :1] - x) / turn.length) * [[turn.length, 0.0]]


def to_turns_of_raster(
    shapes: NDArray[np.object_], points: Points, crs: str, file: str, *, is_reprojected: bool
) -> NDArray[np.object_]:
    """Moves parts of polygons by whole turns of longitude to where a raster is: 181 and -179 degrees are one place.

    Parts that a file cut at the antimeridian meet again, and a part is there for each turn at which it meets the
    raster. What was reprojected is first made whole where it jumped from 180 to -180 degrees.

    Args:
        shapes: Polygons and multipolygons of shapely, object `[N]`.
        points: Coordinates all over the raster.
        crs: The system of both.
        file: That of the polygons, for the error.
        is_reprojected: Whether the polygons come from another system.

    Raises:
        DataError: A polygon goes around a pole, so that it has no form in the system.
    """
    turn = turn_of(crs)
    if turn is None:
        return shapes
    affinity, shapely = library("shapely.affinity"), library("shapely")
    first, last = float(points[:, 0].min()), float(points[:, 0].max())
    left, _, right, _ = bounds = shapely.bounds(shapes).reshape(len(shapes), 4).T
    half = turn.length / 2
    stays = (right - left <= half) & (left < last) & (right > first) & (last - first <= half)
    moved = shapes.copy()
    for index in np.flatnonzero(np.isfinite(bounds).all(axis=0) & ~stays):  # empty ones have no bounds
        parts = []
        for part in shapely.get_parts(shapes[index]):
            part = _unwrapped(part, turn, crs, file) if is_reprojected else part
            west, _, east, _ = part.bounds
            turns = range(
                math.floor((first - east) / turn.length + _NOISE) + 1, math.ceil((last - west) / turn.length - _NOISE)
            )
            for number in turns or [round(((first + last) - (west + east)) / 2 / turn.length)]:
                parts.append(affinity.translate(part, number * turn.length) if number else part)
        moved[index] = parts[0] if len(parts) == 1 else shapely.union_all(shapely.make_valid(parts))
    return moved


def _unwrapped(part: Any, turn: Turn, crs: str, file: str) -> Any:
    """Returns a polygon without jumps from one end of a system to the other."""
    shapely = library("shapely")
    border = shapely.get_coordinates(shapely.get_exterior_ring(part))
    if np.abs(np.diff(border[:, 0])).max(initial=0) <= turn.length / 2:
        return part

    def unwrap(points: Points) -> Points:
        turns = np.round((np.unwrap(points[:, 0], period=turn.length) - points[:, 0]) / turn.length)
        return points + turns[:, None] * [[turn.length, 0.0]]

    try:
        return shapely.transform(part, unwrap)
    except shapely.errors.GEOSException:  # its end is a turn away from its beginning
        raise DataError(
            f"a polygon of {file} goes around a pole, and has no form in {name_of(crs)}, the system of the raster: "
            "reproject the raster (gdalwarp -t_srs EPSG:3995 in the north, EPSG:3031 in the south)"
        ) from None
