"""Place what photographs show of the ground on Earth: footprints in longitude and latitude, and their union."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.raster.geo_libraries import library

Outline = NDArray[np.float64]
"""Corners of a footprint, `[4, 2]`, longitude and latitude in degrees (WGS 84): top left, top right, bottom right and
bottom left of the photograph as displayed. Longitudes go beyond 180 where the footprint crosses the antimeridian."""

_DECIMALS = 8  # of degrees: 1 mm


def place_corners(position: tuple[float, float], corners: NDArray[np.float64]) -> Outline:
    """Returns the outline of a footprint: each corner is so far from the position along a geodesic of WGS 84.

    Args:
        position: Latitude and longitude of the camera in degrees.
        corners: Meters east and north, `[4, 2]`, as `GroundView.corners`.

    Raises:
        ConfigError: The extra `geo` is not installed.

    Example:
        >>> corners = np.array([[-15.0, 10.0], [15.0, 10.0], [15.0, -10.0], [-15.0, -10.0]])
        >>> place_corners((0.0, 15.5), corners).round(5).tolist()
        [[15.49987, 9e-05], [15.50013, 9e-05], [15.50013, -9e-05], [15.49987, -9e-05]]
    """
    geod = library("pyproj").Geod(ellps="WGS84")
    east, north = corners.T
    latitude, longitude = position
    start = np.full(len(corners), longitude), np.full(len(corners), latitude)
    longitudes, latitudes, _ = geod.fwd(*start, np.degrees(np.arctan2(east, north)), np.hypot(east, north))
    nearest = longitude + (np.asarray(longitudes) - longitude + 180) % 360 - 180
    return np.column_stack([nearest, latitudes])


def covered_area(outlines: Sequence[Outline]) -> tuple[float, float]:
    """Returns the area of the ground that footprints cover together, and the sum of their areas, in square meters.

    The areas are those on the ellipsoid of WGS 84. Their ratio is the number of photographs that show a place, on
    average.

    Raises:
        ConfigError: The extra `geo` is not installed.
    """
    if not outlines:
        return 0.0, 0.0
    shapely, geod = library("shapely"), library("pyproj").Geod(ellps="WGS84")
    first = outlines[0][0, 0]
    moved = [outline - [360 * round((outline[0, 0] - first) / 360), 0] for outline in outlines]
    polygons = shapely.polygons(moved)
    union = shapely.union_all(shapely.make_valid(polygons))

    def area(geometry: Any) -> float:
        parts = (part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon")
        return float(sum(abs(geod.geometry_area_perimeter(part)[0]) for part in parts))

    return area(union), area(polygons)


def to_geometry(outline: Outline) -> dict[str, Any]:
    """Returns a footprint as a geometry of GeoJSON (RFC 7946): counterclockwise, and cut at the antimeridian.

    Raises:
        ConfigError: The extra `geo` is not installed.

    Example:
        >>> to_geometry(np.array([[179.0, 1.0], [181.0, 1.0], [181.0, 0.0], [179.0, 0.0]]))["type"]
        'MultiPolygon'
    """
    shapely = library("shapely")
    whole = shapely.Polygon(outline)
    rings = []
    for shift in (-360, 0, 360):
        part = whole.intersection(shapely.box(-180 + shift, -90, 180 + shift, 90))
        if part.area > 0:
            ring = np.asarray(shapely.geometry.polygon.orient(part).exterior.coords) - [shift, 0]
            rings.append([(ring.round(_DECIMALS) + 0.0).tolist()])
    return {"type": "Polygon", "coordinates": rings[0]} if len(rings) == 1 else {
        "type": "MultiPolygon", "coordinates": rings,
    }  # fmt: skip
