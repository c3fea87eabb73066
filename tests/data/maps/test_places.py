"""Coordinate systems, and meters per pixel in them."""

from __future__ import annotations

import numpy as np
import pytest

from segdrone.data.maps.places import (
    inverse_transform,
    is_beyond_antimeridian,
    outline,
    pixel_sides,
    utm_zone_of,
)
from segdrone.errors import DataError
from segdrone.raster.crs import transform_between
from segdrone.raster.georeference import Georeference
from segdrone.raster.polygons import extent_of

UTM = "EPSG:32633"


@pytest.mark.parametrize(
    ("crs", "transform", "across", "down"),
    [
        (
            UTM,
            (0.05, 0, 500_000, 0, -0.05, 5_200_000),
            0.05 / 0.9996,
            0.05 / 0.9996,
        ),  # its scale on the central meridian
        ("EPSG:3857", (0.1, 0, 1_669_792, 0, -0.1, 5_933_000), 0.0684, 0.0684),  # cos 46.9 degrees
        ("EPSG:4326", (1e-6, 0, 15, 0, -1e-6, 60), 0.0558, 0.1114),
        ("EPSG:2263", (1, 0, 980_000, 0, -1, 200_000), 0.3048, 0.3048),  # feet
    ],
)
def test_a_pixel_is_measured_on_the_ground(crs: str, transform: tuple[float, ...], across: float, down: float) -> None:
    place = Georeference(crs, transform)  # type: ignore[arg-type]
    assert pixel_sides(place, (1000, 2000)) == pytest.approx((across, down), rel=5e-3)


def test_the_zone_is_that_of_the_middle() -> None:
    assert utm_zone_of(Georeference("EPSG:4326", (1e-5, 0, 14.9, 0, -1e-5, 47)), (100, 100)) == UTM
    assert utm_zone_of(Georeference("EPSG:4326", (1e-5, 0, -70.9, 0, -1e-5, -33)), (100, 100)) == "EPSG:32719"
    assert utm_zone_of(Georeference("EPSG:4326", (1e-5, 0, 179.9999, 0, -1e-5, 1)), (10, 10)) == "EPSG:32660"


def test_pixels_and_coordinates_are_inverse() -> None:
    place = Georeference(UTM, (0.03, 0.04, 500_000, 0.04, -0.03, 5_200_000))
    points = outline((30, 50))
    np.testing.assert_allclose(inverse_transform(place)(place.coordinates(points)), points, atol=1e-6)
    assert extent_of(points) == (0, 0, 50, 30)
    there = transform_between(UTM, "EPSG:4326")(place.coordinates(points))
    np.testing.assert_allclose(there[0], (15.0, 46.95), atol=0.05)
    np.testing.assert_allclose(transform_between("EPSG:4326", UTM)(there), place.coordinates(points), atol=1e-4)


def test_a_system_without_a_place_on_earth_is_refused() -> None:
    with pytest.raises(DataError, match=r"site is no coordinate system of a map \(Engineering CRS\): assign the one"):
        transform_between('LOCAL_CS["site",UNIT["metre",1]]', "EPSG:4326")
    with pytest.raises(DataError, match="outside of where that system is defined"):
        pixel_sides(Georeference(UTM, (1e9, 0, 0, 0, -1e9, 1e30)), (10, 10))


@pytest.mark.parametrize(
    ("crs", "left", "expected"),
    [
        ("EPSG:4326", 179.9995, True),
        ("EPSG:4326", -180.0005, True),
        ("EPSG:4326", 179.999, False),
        (UTM, 500_000, False),
        ("EPSG:3857", 20_037_509, True),
        ("EPSG:3857", 20_037_508, False),
    ],
)
def test_places_beyond_180_degrees_are_found(crs: str, left: float, expected: bool) -> None:
    place = Georeference(crs, (1e-5, 0, left, 0, -1e-5, 1))
    assert is_beyond_antimeridian(place, (100, 100)) == expected


def test_a_map_of_the_whole_earth_is_not_beyond_180() -> None:
    assert not is_beyond_antimeridian(Georeference("EPSG:4326", (1, 0, -180, 0, -1, 90)), (180, 360))
