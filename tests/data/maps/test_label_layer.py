"""Layers of labels that are chosen, and files that hold none."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.maps.label_layer import open_layer
from segdrone.errors import DataError
from tests.helpers.labeled_maps import box, moved, write_layer

SQUARE = [box(0, 0, 10, 10)]


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "fgb", "kml"])
def test_every_format_is_opened(tmp_path: Path, suffix: str) -> None:
    in_degrees = suffix in ("geojson", "kml")
    crs = "EPSG:4326" if in_degrees else "EPSG:32633"
    shapes = [moved(SQUARE[0], "EPSG:32633", crs)] if in_degrees else SQUARE
    attribute = "Name" if suffix == "kml" else "kind"
    driver = {"driver": "KML"} if suffix == "kml" else {}
    path = write_layer(tmp_path / f"a.{suffix}", shapes, ["grass"], crs, attribute, kind="Polygon", **driver)
    layer = open_layer(str(path), attribute)
    assert (layer.name, layer.crs) == ("a", crs)
    assert attribute in layer.fields
    with pytest.raises(
        DataError, match=f"has no attribute land_use: choose the one with the classes from .*{attribute}"
    ):
        open_layer(str(path), "land_use")


def test_a_layer_of_several_is_named(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "a.gpkg", SQUARE, ["grass"])
    write_layer(path, SQUARE, ["road"], layer="2024", append=True)
    write_layer(path, SQUARE, ["road"], layer="other", attribute="use", append=True)
    with pytest.raises(DataError, match=r"has the layers a, 2024: give one of them as .*a\.gpkg\|layername=a"):
        open_layer(str(path), "kind")
    assert open_layer(str(path), "use").name == "other"
    assert str(open_layer(f"{path}|layername=2024", "kind")) == f"{path}|layername=2024"
    with pytest.raises(DataError, match="has no layer 2023: choose from a, 2024, other"):
        open_layer(f"{path}|layername=2023", "kind")


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_layer_without_a_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not say its coordinate system: write it"):
        open_layer(str(write_layer(tmp_path / "a.gpkg", SQUARE, ["grass"], None)), "kind")


ESRI = (
    '{"geometryType": "esriGeometryPolygon", "spatialReference": {"wkid": 4326}, "fields": '
    '[{"name": "kind", "type": "esriFieldTypeString"}], "features": [{"attributes": {"kind": "a"}, "geometry": '
    '{"rings": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}}]}'
)
VRT = '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>b.gpkg</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.vrt", VRT.encode(), "neither a raster nor a file of polygons that is read: write it as GeoPackage"),
        ("a.kml", VRT.encode(), "neither a raster nor a file of polygons"),
        ("a.csv", b"WKT,kind\n", "neither a raster nor a file of polygons"),
        ("a.gpkg", b"SQLite format 3\0" + bytes(52) + b"GPKG" + bytes(50), "cannot be read"),
        ("a.geojson", b'{"type": "FeatureCollection"', "cannot be read"),
        ("a.json", b'{"type": "Topology", "objects": {}, "arcs": []}', "cannot be read"),
        ("a.json", ESRI.encode(), "cannot be read"),
        ("a.json", b'{"service": "https://localhost/x"}', "cannot be read"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    write_layer(tmp_path / "b.gpkg", SQUARE, ["grass"])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=expected) as caught:
        open_layer(str(tmp_path / name), "kind")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_address_are_refused(tmp_path: Path) -> None:
    for given in (tmp_path / "a.gpkg", "/vsicurl/http://localhost/a.gpkg", "https://localhost/a.gpkg"):
        with pytest.raises(DataError, match="does not exist"):
            open_layer(str(given), "kind")
