"""Polygons on both sides of the antimeridian."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from segdrone.errors import DataError
from segdrone.raster.polygons import reproject
from segdrone.raster.turns import to_turns_of_raster, turn_of

MERCATOR = 40_075_016.6856  # meters around the equator
WEST, EAST = np.array([[179.9, -17.0], [180.0, -16.9]]), np.array([[-180.0, -17.0], [-179.9, -16.9]])  # of 180 degrees


@pytest.mark.parametrize(
    ("crs", "length"),
    [("EPSG:4326", 360), ("EPSG:4807", 400), ("EPSG:3857", MERCATOR), ("EPSG:3832", MERCATOR), ("ESRI:54008", None),
     ("EPSG:32760", None), ("EPSG:3031", None), ("EPSG:3035", None), ("EPSG:2193", None)],
)  # fmt: skip
def test_what_a_turn_adds_to_x(crs: str, length: float | None) -> None:
    turn = turn_of(crs)
    assert (None if turn is None else turn.length) == (None if length is None else pytest.approx(length))


@pytest.mark.parametrize(("points", "left"), [(WEST, 179.95), (EAST, -180.05)])
def test_a_polygon_that_jumped_is_whole_where_the_raster_is(points: np.ndarray, left: float) -> None:
    strait = shapely.box(820_000, 8_120_000, 830_000, 8_130_000)  # from 179.95 to 180.05 degrees
    jumped = reproject(np.array([strait], object), "EPSG:32760", "EPSG:4326", None)
    [whole] = to_turns_of_raster(jumped, points, "EPSG:4326", "a.gpkg", is_reprojected=True)
    assert whole.bounds[0] == pytest.approx(left, abs=0.07)
    assert whole.bounds[2] - whole.bounds[0] == pytest.approx(0.095, abs=0.003)


def test_a_polygon_around_a_pole_is_refused_in_degrees() -> None:
    cap = reproject(np.array([shapely.Point(0, 0).buffer(1e4)], object), "EPSG:3995", "EPSG:4326", None)
    with pytest.raises(DataError, match="of a.gpkg goes around a pole, and has no form in WGS 84, .* reproject"):
        to_turns_of_raster(cap, np.array([[0.0, 89.0], [10.0, 90.0]]), "EPSG:4326", "a.gpkg", is_reprojected=True)
