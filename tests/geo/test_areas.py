"""Square meters on the ellipsoid."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.geo.areas import PixelAreas
from segdrone.raster.georeference import Georeference, Transform
from segdrone.windows import Size, Window
from tests.helpers.label_maps import place

CASES: dict[str, tuple[str, Transform, Size]] = {
    "UTM, a third of a zone from its meridian": ("EPSG:32633", (0.5, 0.0, 7e5, 0.0, -0.5, 5.2e6), (3000, 4000)),
    "web Mercator at 47 degrees": ("EPSG:3857", (1.0, 0.0, 1e6, 0.0, -1.0, 5.95e6), (3000, 4000)),
    "coarse degrees": ("EPSG:4326", (0.1, 0.0, 5.0, 0.0, -0.1, 50.0), (300, 500)),
    "rotated": ("EPSG:32633", (0.3, 0.2, 4e5, 0.2, -0.3, 5.2e6), (3000, 4000)),
    "south up": ("EPSG:32633", (0.3, 0.0, 4e5, 0.0, 0.3, 5.2e6), (3000, 4000)),
    "US survey feet": ("EPSG:2225", (1.0, 0.0, 6e6, 0.0, -1.0, 2.2e6), (3000, 4000)),
    "over the antimeridian in degrees": ("EPSG:4326", (0.01, 0.0, 175.0, 0.0, -0.01, -10.0), (1000, 1000)),
    "over the antimeridian in UTM": ("EPSG:32601", (10.0, 0.0, 1e5, 0.0, -10.0, 1e6), (3000, 4000)),
    "polar stereographic, beside the pole": ("EPSG:3031", (50.0, 0.0, 2e5, 0.0, -50.0, 6e5), (2000, 2000)),
}


def outline(window: Window, steps: int) -> NDArray[np.float64]:
    """Returns columns and rows along the edges of a rectangle."""
    t = np.linspace(0, 1, steps, endpoint=False)
    width, height = t * window.width, t * window.height
    zero = t * 0
    sides = [(width, zero), (zero + window.width, height), (window.width - width, zero + window.height),
             (zero, window.height - height)]  # fmt: skip
    edges = np.concatenate([np.stack(side, axis=1) for side in sides])
    return np.asarray(edges + np.array([window.left, window.top]))


def geodesic_area(georeference: Georeference, window: Window) -> float:
    """Returns the area of a rectangle with edges of many geodesics, by Karney's algorithm."""
    crs = pyproj.CRS.from_wkt(georeference.crs)
    points = georeference.coordinates(outline(window, 4000))
    lon, lat = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(*points.T)
    return float(abs(crs.get_geod().polygon_area_perimeter(lon, lat)[0]))


@pytest.mark.parametrize("case", CASES)
def test_areas_are_those_of_geodesics(case: str) -> None:
    crs, transform, size = CASES[case]
    georeference = place(crs, transform)
    areas = PixelAreas(georeference, size)
    assert areas.total == pytest.approx(geodesic_area(georeference, Window(0, 0, *size)), rel=1e-6)
    part = Window(size[0] // 3, size[1] // 4, size[0] // 2, size[1] // 3)
    assert areas.rectangle(part) == pytest.approx(geodesic_area(georeference, part), rel=1e-6)


def test_the_whole_earth_has_the_area_of_the_ellipsoid() -> None:
    areas = PixelAreas(place("EPSG:4326", (0.5, 0.0, -180.0, 0.0, -0.5, 90.0)), (360, 720))
    a, e = 6378137.0, 0.0818191908426
    assert areas.total == pytest.approx(2 * math.pi * a**2 * (1 + (1 - e**2) / e * math.atanh(e)), rel=1e-9)
    assert areas.rectangle(Window(0, 0, 180, 720)) == pytest.approx(areas.total / 2, rel=1e-9)


def test_a_raster_around_a_pole() -> None:
    """A cap around the pole, in a projection whose longitudes have no limit there."""
    side, radius = 200, 1e5
    areas = PixelAreas(place("EPSG:3031", (1000.0, 0.0, -radius, 0.0, -1000.0, radius)), (side, side))
    quarter = areas.rectangle(Window(0, 0, side // 2, side // 2))
    assert areas.total == pytest.approx(4 * quarter, rel=1e-9)
    assert areas.total / (4 * radius**2) == pytest.approx(1.0567, rel=1e-3)  # true to scale at 71 degrees south only


def test_sums_of_labels_and_of_corners_are_additive() -> None:
    crs, transform, size = "EPSG:3857", (10.0, 0.0, 1e6, 0.0, -10.0, 5.95e6), (150, 200)
    areas = PixelAreas(place(crs, transform), size)
    labels = np.random.default_rng(0).integers(0, 5, size, np.uint8)
    strips = [areas.sum_labels(labels[top : top + 40], 5, top) for top in range(0, 150, 40)]
    found = np.sum([strip.square_meters for strip in strips], axis=0)
    assert found.sum() == pytest.approx(areas.total, rel=1e-13)
    assert np.array_equal(sum(strip.pixels for strip in strips), np.bincount(labels.ravel()))
    pixels = np.array([[areas.rectangle(Window(y, x, 1, 1)) for x in range(200)] for y in range(0, 150, 149)])
    assert pixels[0].sum() == pytest.approx(areas.rectangle(Window(0, 0, 1, 200)), rel=1e-12)
    assert pixels[0, 0] < pixels[1, 0]  # south: larger
    part = areas.sum_labels(np.zeros((10, 30), np.uint8), 1, 70, 50)
    assert part.square_meters[0] == pytest.approx(areas.rectangle(Window(70, 50, 10, 30)), rel=1e-12)


def test_ground_sampling_distance_and_lengths() -> None:
    areas = PixelAreas(place("EPSG:4326", (0.001, 0.0, 10.0, 0.0, -0.002, 60.0)), (100, 100))
    geod = pyproj.Geod(ellps="WGS84")
    east = geod.inv(10.05, 59.9, 10.051, 59.9)[2]
    south = geod.inv(10.05, 59.899, 10.05, 59.901)[2]
    assert areas.gsd == pytest.approx((east, south), rel=1e-6)
    starts, ends = np.array([[50, 50], [50, 50], [50, 50]]), np.array([[51, 50], [50, 51], [53, 54]])
    diagonal = geod.inv(10.05, 59.9, 10.053, 59.892)[2]
    assert areas.lengths(starts, ends) == pytest.approx([east, south, diagonal], rel=1e-4)


def test_a_raster_of_some_centimeters() -> None:
    areas = PixelAreas(place("EPSG:32633", (0.001, 0.0, 5e5, 0.0, -0.001, 5.2e6)), (20, 30))
    assert areas.total == pytest.approx(20 * 30 * 1e-6 / 0.9996**2, rel=1e-5)


@pytest.mark.parametrize(
    ("crs", "transform", "expected"),
    [
        ("EPSG:4978", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "no coordinate system of a map"),
        ("EPSG:5773", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "no coordinate system of a map"),
        ("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 95.0), "beyond a pole"),
        ("EPSG:4326", (10.0, 0.0, -180.0, 0.0, -1.0, 50.0), "spans 400 degrees of longitude: crop it to 360"),
        ("EPSG:32633", (1.0, 0.0, 1e9, 0.0, -1.0, 1e9), "has no place on Earth"),
        ("EPSG:32633", (1.0, 0.0, 0.0, 2.0, 0.0, 0.0), "gives its pixels no area"),
        ("EPSG:32633", (math.nan, 0.0, 0.0, 0.0, -1.0, 0.0), "gives its pixels no area"),
    ],
)
def test_what_has_no_area_is_refused_in_one_line(crs: str, transform: Transform, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        PixelAreas(place(crs, transform), (40, 40))
    assert "\n" not in str(caught.value)
