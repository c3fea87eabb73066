"""Coordinate systems of rasters."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest

from segdrone.errors import DataError
from segdrone.geo.crs import horizontal_crs, to_ellipsoid, to_wgs84


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("EPSG:32633+5773", "WGS 84 / UTM zone 33N"),
        ("EPSG:4979", "WGS 84"),
        ("+proj=utm +zone=33 +ellps=intl +towgs84=1,2,3 +type=crs", "unknown"),
    ],
)
def test_heights_and_shifts_are_left_out(source: str, expected: str) -> None:
    crs = horizontal_crs(pyproj.CRS(source).to_wkt())
    assert (crs.name, len(crs.axis_info), crs.is_bound) == (expected, 2, False)


@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("/etc/passwd", "cannot be read"),
        ("PROJCRS[\n", r"cannot be read \(PROJCRS\[\\n\)"),
        ('LOCAL_CS["a grid",UNIT["metre",1]]', "a grid is no coordinate system of a map"),
    ],
)
def test_what_is_no_system_of_a_map(wkt: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        horizontal_crs(wkt)


def test_a_system_that_names_a_file_is_refused() -> None:
    wkt = pyproj.CRS("EPSG:32633").to_wkt()
    begin, end = wkt.index("METHOD["), wkt.index("CS[Cartesian")
    hostile = f'{wkt[:begin]}METHOD["PROJ hgridshift grids=/etc/passwd"]],{wkt[end:]}'
    with pytest.raises(DataError, match="is defined by a command of PROJ"):
        horizontal_crs(hostile)


def test_units_other_than_degrees_and_a_prime_meridian() -> None:
    """NTF (Paris) counts in grads from Paris."""
    crs = horizontal_crs(pyproj.CRS("EPSG:27571").to_wkt())
    longitude, latitude = to_ellipsoid(crs, np.array([[6e5, 1.2e6]]))
    assert longitude[0] == pytest.approx(0, abs=1e-9)
    assert latitude[0] == pytest.approx(55 * math.pi / 200, abs=1e-9)


def test_axes_are_x_and_y_in_any_system() -> None:
    crs = horizontal_crs(pyproj.CRS("EPSG:4258").to_wkt())  # whose axes are latitude, longitude
    assert to_wgs84(crs, np.array([[15.0, 47.0]])).tolist() == [[15.0, 47.0]]
