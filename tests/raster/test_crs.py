"""Coordinate systems of rasters."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest

from segdrone.errors import DataError
from segdrone.raster.crs import WGS84, horizontal_crs, read_crs, to_ellipsoid, transform_between


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


def test_a_shift_by_a_file_is_refused() -> None:
    text = "+proj=utm +zone=33 +ellps=intl +nadgrids=GRID +type=crs"
    assert read_crs(pyproj.CRS(text.replace("GRID", "@null")).to_wkt()).is_bound
    for grid in ("/etc/passwd", "../a.gsb", "https://127.0.0.1/a.tif", "C:a.gsb"):
        with pytest.raises(DataError, match="is defined by a command of PROJ or a file: reproject"):
            read_crs(pyproj.CRS(text.replace("GRID", grid)).to_wkt())


def test_a_shift_to_another_datum_moves_places() -> None:
    shifted = pyproj.CRS("+proj=utm +zone=33 +ellps=bessel +towgs84=600,100,450 +type=crs").to_wkt()
    plain = pyproj.CRS("+proj=utm +zone=33 +ellps=bessel +type=crs").to_wkt()
    points = np.array([[5e5, 5.2e6]])
    with_shift, without = (transform_between(wkt, "EPSG:32633")(points)[0] for wkt in (shifted, plain))
    assert 50 < np.hypot(*(with_shift - without)) < 1000
    assert horizontal_crs(shifted).name == horizontal_crs(plain).name


def test_each_place_has_its_own_transformation() -> None:
    """The best one from ED50 for all of Europe is not that of Spain."""
    place = np.array([[-3.7, 40.4]])
    expected = pyproj.Transformer.from_crs("EPSG:4230", "EPSG:4326", always_xy=True).transform(*place[0])
    assert transform_between("EPSG:4230", "EPSG:4326")(place)[0].tolist() == list(expected)


def test_units_other_than_degrees_and_a_prime_meridian() -> None:
    """NTF (Paris) counts in grads from Paris."""
    crs = horizontal_crs(pyproj.CRS("EPSG:27571").to_wkt())
    longitude, latitude = to_ellipsoid(crs, np.array([[6e5, 1.2e6]]))
    assert longitude[0] == pytest.approx(0, abs=1e-9)
    assert latitude[0] == pytest.approx(55 * math.pi / 200, abs=1e-9)


def test_axes_are_x_and_y_in_any_system() -> None:
    wkt = pyproj.CRS("EPSG:4258").to_wkt()  # whose axes are latitude, longitude
    assert transform_between(wkt, WGS84)(np.array([[15.0, 47.0]])).tolist() == [[15.0, 47.0]]
