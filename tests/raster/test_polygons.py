"""Polygons that are mended, cut off and reprojected."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from segdrone.raster.crs import transform_between
from segdrone.raster.georeference import Georeference
from segdrone.raster.polygons import clip, extent_around, mend, meters_per_unit, points_of, reproject

UTM = "EPSG:32633"
SQUARE = shapely.box(0, 0, 10, 10)


def test_polygons_are_mended_and_named(caplog: pytest.LogCaptureFixture) -> None:
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    twice = shapely.MultiPolygon([SQUARE, shapely.box(5, 0, 15, 10)])  # parts that overlap are one area
    mixed = shapely.GeometryCollection([SQUARE, shapely.Point(0, 0), shapely.box(20, 0, 30, 10)])
    spike = shapely.Polygon([(0, 0), (10, 0), (0, 0)])
    with np.errstate(invalid="ignore"):
        wild = shapely.Polygon([(0, 0), (1e300, 0), (0, 5)])
    shapes = [SQUARE, bow, twice, mixed, shapely.Point(0, 0), None, shapely.Polygon(), wild, spike]
    names = np.array([f"feature {letter}" for letter in "ABCDEFGHI"], object)
    given = np.array(shapes, object)
    found = mend(given, names, "a.gpkg")
    assert shapely.area(found).tolist() == [100, 50, 150, 200, 0, 0, 0, 0, 0]
    assert shapely.is_valid(found).all()
    assert given[1] is bow
    assert [record.getMessage() for record in caplog.records] == [
        "a.gpkg: coordinates that are no numbers, left out: feature H",
        "a.gpkg: rings that cross or touch themselves, repaired: feature B, feature C",
        "a.gpkg: no polygons, left out: feature E, feature F, feature G, feature I",
    ]
    assert len(mend(np.empty(0, object), np.empty(0, object), "")) == 0


def test_rings_that_shrink_are_cut_off_too() -> None:
    [found] = clip(np.array([SQUARE], object), (-5, -5, 5, 5))
    assert found.bounds == (0, 0, 5, 5)


def test_the_extent_of_a_raster_in_degrees() -> None:
    def extent(crs: str, left: float, top: float) -> tuple[float, ...] | None:
        place = Georeference(crs, (100.0, 0, left, 0, -100.0, top))
        return extent_around(transform_between(crs, "EPSG:4326")(points_of(place, (100, 100))), "EPSG:4326")

    found = extent(UTM, 5e5, 5.2e6)
    assert found is not None
    assert np.round(found, 2).tolist() == [14.99, 46.85, 15.14, 46.96]
    across, around = extent("EPSG:3832", 3_335_000, 0), extent("EPSG:3031", -5000, 5000)
    assert across is not None
    assert np.round(across, 2).tolist() == [-360, -0.1, 360, 0.01]
    assert around is not None
    assert (around[0], around[1] < -90, round(around[3], 1), around[2]) == (-360, True, -89.9, 360)
    assert extent_around(np.array([[0, 0], [np.inf, 1]]), UTM) is None
    assert extent_around(np.array([[178, 0], [182.0, 1]]), "EPSG:4326") == (-360, -0.1, 360, 1.1)
    assert extent_around(np.array([[178, 0], [182.0, 1]]), "") == (177.6, -0.1, 182.4, 1.1)


def test_edges_stay_straight_in_their_own_system() -> None:
    parallel = np.array([shapely.box(14, 46, 16, 47)], object)
    [found] = reproject(parallel, "EPSG:4326", UTM, (14.5, 46.5, 15.5, 47.5))
    [[x, y]] = transform_between("EPSG:4326", UTM)(np.array([[15.2, 47.0]]))
    assert found.exterior.distance(shapely.Point(x, y)) < 0.01
    assert found.bounds[0] > 4.5e5
    assert reproject(parallel, UTM, UTM, None)[0] is parallel[0]


@pytest.mark.parametrize(
    ("crs", "expected"), [("EPSG:4326", 111_000), (UTM, 1), ("EPSG:2263", 0.3048), ("EPSG:4807", 99_900)]
)
def test_units(crs: str, expected: float) -> None:
    assert meters_per_unit(crs) == pytest.approx(expected, rel=1e-3)
