"""Footprints on Earth."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Geod
from shapely.geometry import shape

from segdrone.errors import ConfigError
from segdrone.geo.footprints import Outline, covered_area, place_corners, to_geometry
from segdrone.raster.geo_libraries import library

SQUARE = np.array([[-50.0, 50.0], [50.0, 50.0], [50.0, -50.0], [-50.0, -50.0]])
GEOD = Geod(ellps="WGS84")


def square(latitude: float, longitude: float, east: float = 0.0) -> Outline:
    return place_corners((latitude, longitude), SQUARE + np.array([east, 0]))


@pytest.mark.parametrize(("latitude", "longitude"), [(0, 0), (47.07, 15.44), (-33.9, -70.6), (71.0, 179.9999)])
def test_sides_and_areas_are_those_on_the_ground(latitude: float, longitude: float) -> None:
    outline = square(latitude, longitude)
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        assert GEOD.inv(*start, *end)[2] == pytest.approx(100, abs=0.01)
    assert covered_area([outline]) == pytest.approx((10_000, 10_000), rel=1e-4)


def test_corners_keep_their_directions() -> None:
    top_left, top_right, bottom_right, _ = square(47.07, 15.44)
    assert top_left[0] < 15.44 < top_right[0]
    assert bottom_right[1] < 47.07 < top_right[1]


def test_a_place_that_is_seen_twice_counts_once() -> None:
    outlines = [square(47.0, 15.5), square(47.0, 15.5, 50), square(47.0, 15.5, 1000)]
    assert covered_area(outlines) == pytest.approx((25_000, 30_000), rel=1e-3)
    assert covered_area([]) == (0, 0)


def test_the_antimeridian_is_no_border() -> None:
    outlines = [square(-17.0, 179.9999), square(-17.0, -179.9999)]
    assert covered_area(outlines)[0] == pytest.approx(
        100 * (100 + GEOD.inv(179.9999, -17, -179.9999, -17)[2]), rel=1e-3
    )
    geometry = to_geometry(outlines[0])
    assert geometry["type"] == "MultiPolygon"
    parts = shape(geometry)
    assert sorted((round(part.bounds[0]), round(part.bounds[2])) for part in parts.geoms) == [(-180, -180), (180, 180)]
    assert sum(abs(GEOD.geometry_area_perimeter(part)[0]) for part in parts.geoms) == pytest.approx(10_000, rel=1e-3)
    for part in parts.geoms:
        assert -180 <= part.bounds[0] <= part.bounds[2] <= 180


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [1, 0, 3, 2]])
def test_rings_are_closed_and_counterclockwise(order: list[int]) -> None:
    geometry = to_geometry(square(47.0, 15.5)[order])
    (ring,) = geometry["coordinates"]
    assert (geometry["type"], len(ring), ring[0]) == ("Polygon", 5, ring[-1])
    assert shape(geometry).exterior.is_ccw


def test_a_missing_library_is_named() -> None:
    with pytest.raises(ConfigError, match=r"needs pyproy of the extra geo: pip install 'segdrone\[geo\]'"):
        library("pyproy")
