"""Polygons of a layer in the pixels of a raster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from segdrone.data.maps.label_layer import open_layer
from segdrone.data.maps.polygons import Grid, read_polygons
from segdrone.geo.zone_file import read_layer
from segdrone.raster.crs import transform_between
from segdrone.raster.georeference import Georeference
from tests.helpers.labeled_maps import PLACE, box, moved, write_layer
from tests.helpers.maps import UTM

GRID = Grid("a.tif", Georeference(UTM, PLACE), (240, 320))


def test_polygons_of_another_system_are_bent_as_their_edges_are(tmp_path: Path) -> None:
    """A rectangle of degrees 4 km wide is no rectangle in UTM: the middle of its upper edge is 0.3 m off a line."""
    corner = transform_between(UTM, "EPSG:4326")(np.array([[600_000.0, 5_200_000.0]]))[0]
    shape = shapely.box(corner[0], corner[1] - 0.01, corner[0] + 0.05, corner[1])
    path = write_layer(tmp_path / "a.geojson", [shape], ["grass"], "EPSG:4326")
    grid = Grid("a.tif", Georeference(UTM, (1.0, 0, 599_000, 0, -1.0, 5_201_000)), (3000, 6000))
    [found] = read_polygons(open_layer(str(path), "kind"), "kind", grid).shapes
    middle = transform_between("EPSG:4326", UTM)(np.array([[corner[0] + 0.025, corner[1]]]))[0]
    pixel = shapely.Point(middle[0] - 599_000, 5_201_000 - middle[1])
    assert found.exterior.distance(pixel) < 0.01
    assert shapely.Polygon(shapely.get_coordinates(shapely.simplify(found, 0.5))).exterior.distance(pixel) > 0.2


def test_what_is_far_away_is_cut_off(tmp_path: Path) -> None:
    shapes = [box(0, 0, 1e7, 1e5), box(10_000, 0, 10, 10), box(5, 5, 10, 20)]
    layer = open_layer(str(write_layer(tmp_path / "a.gpkg", shapes, ["grass", "road", "roof"])), "kind")
    found = read_polygons(layer, "kind", GRID)
    assert found.values == ["grass", "roof"]
    assert found.shapes[0].bounds[2] < 400
    assert found.areas[0] == pytest.approx(2.5e11)
    assert found.shapes[1].bounds == pytest.approx((5, 5, 15, 25))


def test_what_is_no_sound_polygon_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    corners = [(500_000, 5_200_000), (500_100, 5_199_900), (500_100, 5_200_000), (500_000, 5_199_900)]
    crossed, line = shapely.Polygon(corners), shapely.LineString(corners)
    far = [shapely.Polygon([(x, 0), (500_000, 5_200_000), (500_100, 5_199_900)]) for x in (np.inf, 1e300)]
    shapes = [crossed, line, shapely.Polygon(), box(0, 0, 9, 9), shapely.Point(500_001, 5_199_999), *far]
    values = ["grass", "road", "roof", None, "x", "y", "z"]
    layer = open_layer(str(write_layer(tmp_path / "a.gpkg", shapes, values)), "kind")
    found = read_polygons(layer, "kind", GRID)
    assert found.values == ["grass", ""]
    assert found.shapes[0].area == pytest.approx(100 * 100 / 2 / 0.25)
    assert "a.gpkg: rings that cross or touch themselves, repaired: feature 1\n" in caplog.text
    assert "a.gpkg: no polygons, left out: feature 2" in caplog.text


def test_numbers_become_text(tmp_path: Path) -> None:
    layer = open_layer(str(write_layer(tmp_path / "a.gpkg", [box(0, 0, 9, 9)] * 3, [3.0, 1.5, np.nan])), "kind")
    assert read_polygons(layer, "kind", GRID).values == ["3", "1.5", ""]


@pytest.mark.parametrize(
    ("lists", "values"), [([["a", "b"], ["c"], []], ["a, b", "c", ""]), ([[1, 2], [3], None], ["1, 2", "3", ""])]
)
def test_lists_become_text(tmp_path: Path, lists: list[Any], values: list[str]) -> None:
    shape = moved(box(0, 0, 9, 9), UTM, "EPSG:4326")
    features = [
        {"type": "Feature", "properties": {"kind": kind}, "geometry": shapely.geometry.mapping(shape)} for kind in lists
    ]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert read_polygons(open_layer(str(path), "kind"), "kind", GRID).values == values
    assert read_layer(str(path)).names == [value or "3" for value in values]


def test_a_raster_across_the_date_line_has_its_polygons(tmp_path: Path) -> None:
    system = "EPSG:3832"  # of the Pacific, whose middle is at 150 degrees east
    place = Georeference(system, (100.0, 0, 3_330_000, 0, -100.0, 0))
    grid = Grid("a.tif", place, (100, 200))
    shapes = [moved(shapely.box(3_332_000, -5000, 3_334_000, -3000), system, "EPSG:4326")]
    layer = open_layer(str(write_layer(tmp_path / "a.gpkg", shapes, ["grass"], "EPSG:4326")), "kind")
    assert read_polygons(layer, "kind", grid).shapes[0].bounds == pytest.approx((20, 30, 40, 50), abs=0.01)


def test_a_polygon_across_the_antimeridian_on_a_raster_in_degrees_that_ends_there(tmp_path: Path) -> None:
    place = Georeference("EPSG:4326", (1e-5, 0, 179.999, 0, -1e-5, -17.0))
    shape = moved(shapely.box(179.9995, -17.0008, 180.0005, -17.0002), "EPSG:4326", "EPSG:32760")
    layer = open_layer(str(write_layer(tmp_path / "a.gpkg", [shape], ["reef"], "EPSG:32760")), "kind")
    [found] = read_polygons(layer, "kind", Grid("a.tif", place, (100, 100))).shapes
    assert found.bounds == pytest.approx((50, 20, 111, 80), abs=1)  # cut off a tenth of the raster beyond it
