"""Layers of regions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import pyproj
import pytest
import shapely
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError, DataError
from segdrone.geo import vectors as module
from segdrone.geo.areas import PixelAreas
from segdrone.geo.trace import RegionTracer
from segdrone.geo.vectors import PIXELS, object_layers, polygon_writer
from segdrone.raster.georeference import Georeference
from tests.helpers.label_maps import place, smooth_labels

TABLE = ClassTable(("road", "grass", "car / van"), ((90, 90, 90), (0, 99, 0), (0, 0, 200)), things=("car / van",))
MASK = np.array([[0, 0, 2, 255], [0, 1, 0, 1], [0, 0, 0, 2]], np.uint8).repeat(3, axis=0).repeat(4, axis=1)


def write(path: Path, mask: NDArray[np.uint8], where: Georeference, least: float = 0.0) -> int:
    """Writes the regions of a mask, and returns their number."""
    areas = PixelAreas(where, mask.shape) if where.crs else None
    tracer = RegionTracer(mask.shape, areas)
    with polygon_writer(path, TABLE, where, areas, least) as writer:
        for top in range(0, len(mask), 4):
            strip = mask[top : top + 4]
            writer.write(tracer.add(strip, np.full(strip.shape, 204, np.uint8)))
    return writer.count


def read(path: Path, layer: str | None = None) -> tuple[dict[str, Any], NDArray[np.object_], Any]:
    """Returns fields, polygons and the coordinate system of a layer."""
    meta, _, shapes, values = pyogrio.raw.read(path, layer=layer)
    return dict(zip(meta["fields"], values, strict=True)), shapely.from_wkb(shapes), meta["crs"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLYGONS", 3)


def test_a_geopackage_has_all_layers(tmp_path: Path) -> None:
    path = tmp_path / "map.gpkg"
    path.write_bytes(b"an older file")
    where = place()
    assert write(path, MASK, where) == 5
    assert sorted(file.name for file in tmp_path.iterdir()) == ["map.gpkg", "map.qml"]
    assert [name for name, _ in pyogrio.list_layers(path)] == ["regions", "objects_car_van"]
    fields, polygons, crs = read(path, "regions")
    assert crs == "EPSG:32633"
    assert fields["id"].tolist() == [1, 2, 3, 4, 5]
    assert fields["class"].tolist() == ["car / van", "grass", "grass", "road", "car / van"]
    assert fields["class_id"].tolist() == [2, 1, 1, 0, 2]
    assert fields["confidence"].tolist() == [0.8] * 5
    assert fields["pixels"].tolist() == [12, 12, 12, 84, 12]
    scale = 0.25 / 0.9996**2  # on the meridian of the zone
    assert fields["area_m2"] == pytest.approx(fields["pixels"] * scale, rel=1e-6)
    assert shapely.area(polygons).tolist() == (fields["pixels"] * 0.25).tolist()
    assert all(polygon.exterior.is_ccw and not any(hole.is_ccw for hole in polygon.interiors) for polygon in polygons)
    geod = pyproj.Geod(ellps="WGS84")
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    for polygon, perimeter in zip(polygons, fields["perimeter_m"], strict=True):
        rings = [polygon.exterior, *polygon.interiors]
        assert perimeter == pytest.approx(
            sum(geod.line_length(*to_degrees.transform(*ring.xy)) for ring in rings), rel=1e-5
        )


def test_objects_have_a_centroid(tmp_path: Path) -> None:
    write(tmp_path / "map.gpkg", MASK, place())
    fields, polygons, _ = read(tmp_path / "map.gpkg", "objects_car_van")
    assert fields["id"].tolist() == [1, 5]
    assert (fields["x"].tolist(), fields["y"].tolist()) == ([5e5 + 5, 5e5 + 7], [5.2e6 - 0.75, 5.2e6 - 3.75])
    assert fields["lon"] == pytest.approx(15 + np.array([5, 7]) / 76094, abs=1e-7)
    assert shapely.contains_xy(polygons, fields["x"], fields["y"]).all()


@pytest.mark.parametrize("suffix", [".geojson", ".fgb", ".parquet", ".GeoJSON"])
def test_other_formats_have_a_file_for_each_layer(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"map{suffix}", MASK, place())
    expected = {f"{name}{end}" for name in ("map", "map_objects_car_van") for end in (".qml", suffix)}
    assert {file.name for file in tmp_path.iterdir()} == expected


def test_geojson_is_rfc_7946(tmp_path: Path) -> None:
    write(tmp_path / "map.geojson", MASK, place())
    document = json.loads((tmp_path / "map.geojson").read_text())
    assert "crs" not in document
    first = document["features"][0]
    assert first["properties"]["class"] == "car / van"
    ring = np.array(first["geometry"]["coordinates"][0])
    assert ring[:, 0] == pytest.approx(15, abs=1e-3)
    assert ring[:, 1] == pytest.approx(46.95, abs=1e-2)
    assert shapely.LinearRing(ring).is_ccw
    assert np.array_equal(ring, ring.round(7))


def test_geojson_has_more_digits_where_a_pixel_is_smaller_than_its_last_one(tmp_path: Path) -> None:
    mask = (np.indices((6, 6)).sum(axis=0) % 2).astype(np.uint8)
    write(tmp_path / "map.geojson", mask, place(transform=(0.01, 0.0, 5e5, 0.0, -0.01, 5.2e6)))
    _, polygons, _ = read(tmp_path / "map.geojson")
    assert shapely.is_valid(polygons).all()
    assert shapely.area(polygons) * 111e3 * 76e3 == pytest.approx(1e-4, rel=0.2)


def test_centroids_beyond_the_antimeridian_have_longitudes_up_to_180(tmp_path: Path) -> None:
    where = Georeference(pyproj.CRS("EPSG:4326").to_wkt(), (1e-5, 0.0, 180.0, 0.0, -1e-5, 10.0))
    write(tmp_path / "map.gpkg", MASK, where)
    fields, _, _ = read(tmp_path / "map.gpkg", "objects_car_van")
    assert fields["x"] == pytest.approx([180.0001, 180.00014])
    assert fields["lon"] == pytest.approx(fields["x"] - 360, abs=1e-9)


def test_geojson_is_cut_at_the_antimeridian(tmp_path: Path) -> None:
    mask = np.zeros((20, 40), np.uint8)
    write(tmp_path / "map.geojson", mask, place("EPSG:4326", (0.1, 0.0, 178.0, 0.0, -0.1, 1.0)))
    fields, polygons, _ = read(tmp_path / "map.geojson")
    assert polygons[0].geom_type == "MultiPolygon"
    assert shapely.bounds(shapely.get_parts(polygons)).tolist() == [[178, -1, 180, 1], [-180, -1, -178, 1]]
    assert fields["area_m2"][0] == pytest.approx(8 * 12309e6, rel=1e-3)


@pytest.mark.parametrize("columns", [(4, 12), (28, 36)])
def test_geojson_keeps_holes_on_both_sides_of_the_antimeridian(tmp_path: Path, columns: tuple[int, int]) -> None:
    mask = np.zeros((20, 40), np.uint8)
    mask[6:14, slice(*columns)] = 1
    x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3338", always_xy=True).transform(180, 52)
    write(tmp_path / "map.geojson", mask, place("EPSG:3338", (1.0, 0.0, x - 20, 0.0, -1.0, y + 10)))
    fields, polygons, _ = read(tmp_path / "map.geojson")
    assert {polygon.geom_type for polygon in polygons} == {"Polygon", "MultiPolygon"}
    areas = [pyproj.Geod(ellps="WGS84").geometry_area_perimeter(polygon)[0] for polygon in polygons]
    assert areas == pytest.approx(fields["area_m2"], rel=0.01)


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "geojson"])
def test_a_shift_to_another_datum_places_polygons_as_their_centroids(tmp_path: Path, suffix: str) -> None:
    shift = "+proj=utm +zone=33 +ellps=bessel +towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7 +units=m +type=crs"
    write(tmp_path / f"map.{suffix}", MASK, place(pyproj.CRS(shift).to_wkt()))
    of_objects = ("map.gpkg", "objects_car_van") if suffix == "gpkg" else (f"map_objects_car_van.{suffix}", None)
    fields, polygons, crs = read(tmp_path / of_objects[0], of_objects[1])
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    centers = shapely.get_coordinates(shapely.centroid(polygons))
    assert np.stack(to_degrees.transform(*centers.T)) == pytest.approx(
        np.stack([fields["lon"], fields["lat"]]), abs=2e-7
    )
    assert fields["lon"][0] != pytest.approx(15, abs=1e-3)


def test_flatgeobuf_and_geoparquet_keep_the_system(tmp_path: Path) -> None:
    for suffix in ("gpkg", "fgb", "parquet"):
        write(tmp_path / f"map.{suffix}", MASK, place())
    expected, polygons, _ = read(tmp_path / "map.gpkg", "regions")
    fields, found, crs = read(tmp_path / "map.fgb")
    assert crs == "EPSG:32633"
    order = np.argsort(fields["id"])  # FlatGeobuf sorts by place
    assert fields["area_m2"][order].tolist() == expected["area_m2"].tolist()
    assert shapely.equals(found[order], polygons).all()
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(tmp_path / "map.parquet")
    document = json.loads(parquet.read_schema(tmp_path / "map.parquet").metadata[b"geo"])
    column = document["columns"]["geometry"]
    assert (document["version"], column["encoding"], column["orientation"]) == ("1.1.0", "WKB", "counterclockwise")
    assert pyproj.CRS.from_json_dict(column["crs"]).to_epsg() == 32633
    assert column["bbox"] == shapely.total_bounds(polygons).tolist()
    assert shapely.equals(shapely.from_wkb(table["geometry"].to_numpy()), polygons).all()
    assert table["class"].to_pylist() == expected["class"].tolist()


def test_without_a_place_on_earth_coordinates_are_pixels(tmp_path: Path) -> None:
    for suffix in ("gpkg", "geojson"):
        write(tmp_path / f"map.{suffix}", MASK, PIXELS)
    fields, polygons, crs = read(tmp_path / "map.gpkg", "regions")
    assert crs is None
    assert np.isnan(fields["area_m2"]).all() and np.isnan(fields["perimeter_m"]).all()
    assert polygons[0].bounds == (8, 0, 12, 3)
    document = json.loads((tmp_path / "map.geojson").read_text())
    assert document["image"] == {"coordinates": "no coordinate system: x right, y down, in pixels"}
    assert document["features"][0]["properties"]["area_m2"] is None
    assert [8.0, 3.0] in document["features"][0]["geometry"]["coordinates"][0]


def test_a_world_file_without_a_system_is_used_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "map.geojson", MASK, Georeference("", (0.5, 0.0, 100.0, 0.0, -0.5, 200.0)))
    document = json.loads((tmp_path / "map.geojson").read_text())
    assert document["image"] == {"coordinates": "no coordinate system: those of the transform of the raster"}
    assert [104.0, 200.0] in document["features"][0]["geometry"]["coordinates"][0]


def test_small_regions_are_left_out(tmp_path: Path) -> None:
    assert write(tmp_path / "map.gpkg", MASK, place(), least=3.01) == 1
    with pytest.raises(DataError, match="no coordinate system"):
        write(tmp_path / "other.gpkg", MASK, PIXELS, least=1.0)


def test_a_raster_without_regions_gives_empty_layers(tmp_path: Path) -> None:
    for suffix in ("gpkg", "geojson", "fgb", "parquet"):
        assert write(tmp_path / f"map.{suffix}", np.full((4, 4), 255, np.uint8), place()) == 0
    assert pyogrio.read_info(tmp_path / "map.gpkg", layer="regions")["features"] == 0
    assert json.loads((tmp_path / "map_objects_car_van.geojson").read_text())["features"] == []


@pytest.mark.parametrize("suffix", ["gpkg", "geojson"])
def test_a_failure_leaves_the_former_file_and_no_other(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"map.{suffix}"
    path.write_text("former")
    with pytest.raises(RuntimeError, match="power"), polygon_writer(path, TABLE, place()) as writer:
        writer.write(RegionTracer(MASK.shape).add(MASK))
        raise RuntimeError("power")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(path.name, "former")]


def test_a_region_that_a_geopackage_cannot_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CORNERS", 9)
    with pytest.raises(DataError, match="a region of road has 10 corners, more than a GeoPackage holds"):
        write(tmp_path / "map.gpkg", MASK, place())
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"map.shp: polygons are written as .gpkg, .geojson, .fgb, .parquet"):
        write(tmp_path / "map.shp", MASK, place())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    with pytest.raises(ConfigError, match=r"needs pyarrow of the extra geoparquet.*'segdrone\[geoparquet\]'"):
        write(tmp_path / "map.parquet", MASK, place())


def test_names_of_layers_are_names_of_files() -> None:
    names = ("../a", "a", "A!", "車", "//")
    table = ClassTable(names, tuple((i, i, i) for i in range(5)), things=names)
    assert object_layers(table) == {
        "objects_a": 0, "objects_a_1": 1, "objects_A_2": 2, "objects_車": 3, "objects_class": 4
    }  # fmt: skip


def test_many_regions_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLYGONS", 1000)
    mask = smooth_labels(0, (80, 90), 3)
    write(tmp_path / "map.gpkg", mask, place())
    fields, polygons, _ = read(tmp_path / "map.gpkg", "regions")
    batch = RegionTracer(mask.shape).add(mask)
    assert fields["pixels"].tolist() == batch.pixels.tolist()
    assert shapely.area(polygons).sum() == mask.size * 0.25
    assert shapely.union_all(polygons).area == mask.size * 0.25
