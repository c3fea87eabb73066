"""Files of zones: four formats, and nothing that such a file names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pytest
import shapely

from segdrone.errors import DataError
from segdrone.geo.zone_file import read_layer

SQUARES = np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])


def write(path: Path, shapes: Any = SQUARES, layer: str = "parcels", kind: str = "Polygon", **fields: Any) -> Path:
    """Writes shapes as a layer of a file."""
    drivers = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}
    pyogrio.raw.write(
        path, shapely.to_wkb(np.asarray(shapes, object)), [np.array(values) for values in fields.values()], [*fields],
        layer=layer, driver=drivers.get(path.suffix, "GeoJSON"), geometry_type=kind, crs="EPSG:4326",
        append=path.exists(),
    )  # fmt: skip
    return path


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "json", "fgb", "shp"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    layer = read_layer(str(write(tmp_path / f"a.{suffix}", number=[7, 8], Name=np.array(["north", "south"], object))))
    assert sorted(layer.names) == ["north", "south"]
    assert sorted(shape.bounds[0] for shape in layer.shapes) == [0, 1]
    assert layer.crs == "EPSG:4326"


def test_zones_are_named_by_a_field_or_their_place(tmp_path: Path) -> None:
    assert read_layer(str(write(tmp_path / "a.gpkg", id=[7, 8]))).names == ["7", "8"]
    assert read_layer(str(write(tmp_path / "d.gpkg", id=[7.0, np.nan]))).names == ["7", "2"]
    assert read_layer(str(write(tmp_path / "b.gpkg", owner=np.array(["x", None], object)))).names == ["x", "2"]
    assert read_layer(str(write(tmp_path / "c.gpkg"))).names == ["1", "2"]


def test_the_first_layer_of_polygons_is_taken_and_the_others_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "a.gpkg", [shapely.Point(0, 0)], "trees", "Point")
    write(tmp_path / "a.gpkg", layer="parcels")
    write(tmp_path / "a.gpkg", SQUARES[:1], "blocks")
    assert len(read_layer(str(tmp_path / "a.gpkg")).shapes) == 2
    assert "a.gpkg has 3 layers: zones are those of parcels, not of trees, blocks; choose by FILE|layer" in caplog.text
    caplog.clear()
    assert len(read_layer(f"{tmp_path}/a.gpkg|layername=blocks").shapes) == 1
    assert "layers" not in caplog.text
    with pytest.raises(DataError, match="holds no layer of polygons: zones are areas"):
        read_layer(f"{tmp_path}/a.gpkg|layername=trees")


@pytest.mark.parametrize("suffix", ["geojson", "json", "gpkg", "fgb", "shp"])
@pytest.mark.parametrize(
    "text",
    [
        '{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read SECRET"}',
        "<OGRVRTDataSource><OGRVRTLayer><SrcDataSource>SECRET</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
        "<OGRWFSDataSource><URL>http://127.0.0.1:9/SECRET</URL></OGRWFSDataSource>",
        "",
    ],
)
def test_a_file_that_names_another_one_is_not_followed(tmp_path: Path, suffix: str, text: str) -> None:
    secret = write(tmp_path / "secret.geojson")
    path = tmp_path / f"zones.{suffix}"
    path.write_text(text.replace("SECRET", str(secret)))
    with pytest.raises(DataError) as caught:
        read_layer(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["zones.vrt", "WFS:http://127.0.0.1", "GeoJSON:zones.geojson", "/vsicurl/http://a/b.gpkg"]
)
def test_other_formats_and_addresses_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "zones.geojson").rename(tmp_path / "zones.vrt")
    with pytest.raises(DataError, match="is no file of polygons that is read: write it as Geo|does not exist"):
        read_layer(name)


def test_what_holds_no_zones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no layer of polygons"):
        read_layer(str(write(tmp_path / "a.gpkg", [shapely.Point(0, 0)], kind="Point")))
    with pytest.raises(DataError, match="is empty"):
        read_layer(str(write(tmp_path / "b.gpkg", [])))
    (tmp_path / "c.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with pytest.raises(DataError, match=r"c.geojson (is empty|holds no layer)"):
        read_layer(str(tmp_path / "c.geojson"))
    broken = write(tmp_path / "d.gpkg").read_bytes()
    (tmp_path / "d.gpkg").write_bytes(broken[:5000])
    with pytest.raises(DataError, match=r"d.gpkg (cannot be read|holds no layer|is empty)"):
        read_layer(str(tmp_path / "d.gpkg"))
