"""Zones on a raster."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyogrio.raw
import pyproj
import pytest
import shapely

from segdrone.errors import DataError
from segdrone.geo.zones import read_zones
from segdrone.raster.georeference import Georeference, Transform
from segdrone.windows import Window
from tests.helpers.label_maps import place

SIZE = (100, 200)  # 50 x 100 m


def write(path: Path, shapes: list[shapely.Geometry], crs: str | None = "EPSG:32633") -> Path:
    """Writes shapes with names from A on."""
    warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)  # pytest restores the filters
    names = np.array([chr(65 + number) for number in range(len(shapes))], object)
    wkb = shapely.to_wkb(np.array(shapes, object))
    pyogrio.raw.write(path, wkb, [names], ["name"], driver="GPKG", geometry_type="Unknown", crs=crs)
    return path


def box(left: float, top: float, right: float, bottom: float) -> shapely.Polygon:
    """Returns a rectangle in meters from the corner of the raster."""
    return shapely.box(5e5 + left, 5.2e6 - bottom, 5e5 + right, 5.2e6 - top)


def test_zones_become_columns_and_rows(tmp_path: Path) -> None:
    zones = read_zones(str(write(tmp_path / "a.gpkg", [box(10, 5, 20, 25)])), place(), SIZE)
    assert (zones.ids, zones.names, zones.is_inside.tolist()) == ([1], ["A"], [True])
    assert zones.shapes[0].bounds == (20, 10, 40, 50)
    found = zones.cover(0, Window(30, 0, 100, 200))
    assert found is not None
    window, cover = found
    assert (window, cover.shape) == (Window(30, 20, 20, 20), (20, 20))
    assert cover.all()
    assert zones.cover(0, Window(60, 0, 40, 200)) is None


def test_long_edges_stay_straight_in_their_own_system(tmp_path: Path) -> None:
    """An edge of 20 degrees along a parallel is no straight line in UTM: it bends by kilometers."""
    parallel = shapely.box(5, 40, 25, 46.95)
    zones = read_zones(str(write(tmp_path / "a.gpkg", [parallel], "EPSG:4326")), place(), (20_000, 20_000))
    found = zones.cover(0, Window(0, 0, 20_000, 200))
    assert found is not None
    (top, left, height, width), cover = found
    columns, rows = np.array([0, 150]), np.argmax(cover[:, [0, 150]], axis=0) + top
    assert (left, width, top + height) == (0, 200, 20_000)
    points = place().coordinates(np.stack([columns + 0.5, rows], axis=1))
    latitude = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True).transform(*points.T)[1]
    assert latitude == pytest.approx(46.95, abs=0.6 / 111e3)  # half a pixel and what PROJ rounds


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:3857", (2.0, 0.0, 1669792.36, 0.0, -2.0, 5930000.0)),
        ("EPSG:32633", (0.35, 0.35, 5e5, 0.35, -0.35, 5.2e6)),
        ("EPSG:32633", (0.5, 0.0, 5e5, 0.0, 0.5, 5.2e6)),
    ],
)
def test_any_system_and_transform(tmp_path: Path, crs: str, transform: Transform) -> None:
    """A zone of known columns and rows comes back from degrees."""
    where = place(crs, transform)
    ring = np.array([[20, 10], [120, 30], [60, 90]])
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    zone = shapely.Polygon(np.stack(to_degrees.transform(*where.coordinates(ring).T), axis=1))
    zones = read_zones(str(write(tmp_path / "a.gpkg", [zone], "EPSG:4326")), where, SIZE)
    assert zones.shapes[0].symmetric_difference(shapely.Polygon(ring)).area < 0.1


@pytest.mark.parametrize("left", [178.0, -182.0])
def test_zones_beyond_the_antimeridian(tmp_path: Path, left: float) -> None:
    where = place("EPSG:4326", (0.02, 0.0, left, 0.0, -0.02, 1.0))
    shapes = [shapely.box(-179.5, -0.5, -179, 0.5), shapely.box(178.5, -0.5, 179, 0.5)]
    zones = read_zones(str(write(tmp_path / "a.gpkg", shapes, "EPSG:4326")), where, SIZE)
    assert np.round(shapely.bounds(zones.shapes)).tolist() == [[125, 25, 150, 75], [25, 25, 50, 75]]
    utm = read_zones(str(tmp_path / "a.gpkg"), place("EPSG:32601", (1500.0, 0.0, 0.0, 0.0, -1500.0, 1e5)), SIZE)
    assert len(utm.names) == 2


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32760"])
def test_zones_on_web_mercator_beyond_the_antimeridian(tmp_path: Path, crs: str) -> None:
    where = place("EPSG:3857", (100.0, 0.0, 20_027_508.34, 0.0, -100.0, -1_900_000.0))  # 10 km on both sides
    ring = np.array([[120, 10], [180, 10], [180, 90], [120, 90]])  # east of it
    to_zones = pyproj.Transformer.from_crs("EPSG:3857", crs, always_xy=True)
    zone = shapely.Polygon(np.stack(to_zones.transform(*where.coordinates(ring - [400_750.17, 0]).T), axis=1))
    zones = read_zones(str(write(tmp_path / "a.gpkg", [zone], crs)), where, SIZE)
    assert zones.shapes[0].symmetric_difference(shapely.Polygon(ring)).area < 2


def test_a_zone_around_a_pole(tmp_path: Path) -> None:
    where = place("EPSG:3031", (1000.0, 0.0, -7e4, 0.0, -1000.0, 6e4))
    cap = shapely.box(-180, -90, 180, -89.8)
    zones = read_zones(str(write(tmp_path / "a.gpkg", [cap], "EPSG:4326")), where, (130, 140))
    radius = np.sqrt(zones.shapes[0].area / np.pi)
    assert radius == pytest.approx(0.2 * 111.694 * 0.9728, rel=0.01)  # kilometers on the map


def test_zones_of_all_the_earth_on_a_raster_around_a_pole(tmp_path: Path) -> None:
    where = place("EPSG:3031", (1000.0, 0.0, -7e4, 0.0, -1000.0, 6e4))
    halves = [shapely.box(-180, -90, 0, 90), shapely.box(0, -90, 180, 90)]
    zones = read_zones(str(write(tmp_path / "a.gpkg", halves, "EPSG:4326")), where, (130, 140))
    found = [zones.cover(zone, Window(0, 0, 130, 140)) for zone in (0, 1)]
    assert [None if one is None else int(one[1].sum()) for one in found] == [130 * 70, 130 * 70]


def test_what_is_no_plain_polygon_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bow = shapely.Polygon([(5e5, 5.2e6), (5e5 + 10, 5.2e6 - 10), (5e5 + 10, 5.2e6), (5e5, 5.2e6 - 10)])
    point, line = shapely.Point(5e5, 5.2e6), shapely.LineString([(5e5, 5.2e6), (5e5 + 9, 5.2e6)])
    mixed = shapely.GeometryCollection([box(30, 10, 40, 20), point])
    shapes = [bow, point, line, mixed, box(90, 40, 120, 60), box(500, 0, 510, 9)]
    zones = read_zones(str(write(tmp_path / "a.gpkg", shapes)), place(), SIZE)
    assert (zones.ids, zones.names) == ([1, 4, 5], ["A", "D", "E"])
    assert zones.is_inside.tolist() == [True, True, False]
    assert shapely.area(zones.shapes)[:2].tolist() == [200, 400]
    assert "cross or touch themselves, repaired: zone A" in caplog.text
    assert "no polygons, left out: zone B, zone C" in caplog.text
    assert "beside the raster, left out: zone F" in caplog.text
    assert "partly beside the raster, whose pixels alone count: zone E" in caplog.text


@pytest.mark.parametrize("wild", [np.nan, np.inf, 1e300])
def test_coordinates_that_are_no_numbers_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wild: float
) -> None:
    with np.errstate(invalid="ignore"):
        broken = shapely.Polygon([(5e5, 5.2e6), (wild, 5.2e6), (5e5 + 9, 5.2e6 - 9)])
    path = write(tmp_path / "a.gpkg", [box(10, 5, 20, 25), broken])
    zones = read_zones(str(path), place(), SIZE)
    assert zones.names == ["A"]
    assert "coordinates that are no numbers, left out: zone B" in caplog.text
    assert "no polygons" not in caplog.text


def test_zones_without_a_system(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.gpkg", [box(10, 5, 20, 25)], None)
    assert read_zones(str(path), place(), SIZE).shapes[0].bounds == (20, 10, 40, 50)
    assert "a.gpkg has no coordinate system: taken for that of the raster, WGS 84 / UTM zone 33N" in caplog.text
    plain = Georeference("", place().transform)
    assert read_zones(str(path), plain, SIZE).shapes[0].bounds == (20, 10, 40, 50)


def test_zones_that_cannot_be_placed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", [box(10, 5, 20, 25)])
    with pytest.raises(DataError, match="lies in WGS 84 / UTM zone 33N, and the raster has no coordinate system"):
        read_zones(str(path), Georeference("", place().transform), SIZE)
    with pytest.raises(DataError, match="none of the 1 zones of a.gpkg meets the raster"):
        read_zones(str(path), place("EPSG:32634"), SIZE)
    with pytest.raises(DataError, match="b.gpkg holds no polygons: zones are areas"):
        read_zones(str(write(tmp_path / "b.gpkg", [shapely.Point(5e5, 5.2e6)])), place(), SIZE)


@pytest.mark.parametrize(
    ("zone", "crs", "pixels", "is_inside"),
    [
        (shapely.box(179.5, -17, 180, -16.5) | shapely.box(-180, -17, -179.5, -16.5), "EPSG:4326", 1250, True),
        (shapely.box(3283924.978, -1908339.067, 3395244.469, -1850569.894), "EPSG:3832", 1250, True),
        (shapely.box(-180, -80, 180, 80), "EPSG:4326", 10_000, False),
        (shapely.box(-179.9, -17, -179.5, -16.5), "EPSG:4326", 500, True),
    ],
)
def test_zones_at_the_antimeridian_are_whole(
    tmp_path: Path, zone: shapely.Geometry, crs: str, pixels: int, is_inside: bool
) -> None:
    where = place("EPSG:4326", (0.02, 0.0, 179.0, 0.0, -0.02, -16.0))
    zones = read_zones(str(write(tmp_path / "a.gpkg", [zone], crs)), where, (100, 100))
    assert zones.shapes[0].intersection(shapely.box(0, 0, 100, 100)).area == pytest.approx(pixels, abs=0.5)
    assert zones.is_inside.tolist() == [is_inside]
