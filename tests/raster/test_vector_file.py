"""Vector files that are read, and those that name others."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import shapely

from segdrone.errors import DataError
from segdrone.raster.vector_file import find_layers, is_vector_file, read_features, vector_files
from tests.helpers.labeled_maps import box, write_layer

RING = [[[15, 47], [16, 47], [16, 48], [15, 47]]]
FEATURE = {"type": "Feature", "properties": {"kind": "a"}, "geometry": {"type": "Polygon", "coordinates": RING}}


class Server(HTTPServer):
    """Counts requests."""

    asked = 0


class _Count(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked += 1
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Writes nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on this machine."""
    with Server(("127.0.0.1", 0), _Count) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.mark.parametrize("suffix", ["gpkg", "GPKG", "geojson", "shp", "fgb", "kml"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    attribute, driver = ("Name", {"driver": "KML"}) if suffix == "kml" else ("kind", {})
    given = write_layer(
        tmp_path / f"a.{suffix}", [shapely.box(15, 47, 16, 48)], ["grass"], "EPSG:4326", attribute, **driver
    )
    [layer] = find_layers(str(given))
    found = read_features(layer, [attribute])
    assert (layer.name, layer.crs, str(layer)) == ("a", "EPSG:4326", str(given))
    assert found.fields[attribute].tolist() == ["grass"]
    assert found.shapes[0].geom_type == "Polygon"
    assert len(read_features(layer, [], (0.0, 0.0, 1.0, 1.0)).shapes) == 0


@pytest.mark.parametrize("number", [-1, 0])
def test_undefined_systems_of_a_geopackage_are_none(tmp_path: Path, number: int) -> None:
    path = write_layer(tmp_path / "a.gpkg", [box(0, 0, 9, 9)], ["grass"])
    with sqlite3.connect(path) as database:
        for table in ("gpkg_contents", "gpkg_geometry_columns"):
            database.execute(f"UPDATE {table} SET srs_id = {number}")
    [layer] = find_layers(str(path))
    assert layer.crs == ""


@pytest.mark.parametrize(
    ("name", "start", "between"),
    [("a.geojsonl", "", "\n"), ("a.json", "", "\n"), ("a.json", "\x1e", "\n\x1e"), ("a.geojsons", "\x1e", "\n\x1e")],
)
def test_features_one_a_line_are_read(tmp_path: Path, name: str, start: str, between: str) -> None:
    (tmp_path / name).write_text(start + between.join([json.dumps(FEATURE)] * 3) + "\n")
    [layer] = find_layers(str(tmp_path / name))
    assert read_features(layer, ["kind"]).fields["kind"].tolist() == ["a"] * 3


def test_a_link_to_a_file_is_read_by_its_own_suffix(tmp_path: Path) -> None:
    write_layer(tmp_path / "a.gpkg", [box(0, 0, 9, 9)], ["grass"]).rename(tmp_path / "3f9a")
    (tmp_path / "b.gpkg").symlink_to("3f9a")
    assert [layer.name for layer in find_layers(f"{tmp_path}/b.gpkg|layername=a")] == ["a"]
    with pytest.raises(DataError, match=r"b\.gpkg has no layer b: choose from a"):
        find_layers(f"{tmp_path}/b.gpkg|layername=b")


@pytest.mark.parametrize("kind", ["link", "url"])
@pytest.mark.parametrize("direct", ["", "127.0.0.1"])
def test_no_address_is_asked_for_a_coordinate_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, kind: str, direct: str
) -> None:
    monkeypatch.setenv("no_proxy", direct)
    monkeypatch.setenv("NO_PROXY", direct)
    address = f"http://127.0.0.1:{server.server_port}/crs"
    crs = {"type": kind, "properties": {"href": address, "url": address, "type": "proj4"}}
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [FEATURE]}))
    [layer] = find_layers(f"{tmp_path}/a.geojson")
    assert len(read_features(layer, []).shapes) == 1
    assert server.asked == 0
    assert os.environ["no_proxy"] == direct


def test_databases_that_are_no_geopackage_are_not_opened(tmp_path: Path) -> None:
    """The driver of SQLite opens tables that are other files."""
    for name in ("a.sqlite", "a.gpkg", "a.db"):
        with sqlite3.connect(tmp_path / name) as database:
            database.execute("CREATE TABLE kind (a)")
        assert not is_vector_file(tmp_path / name)
        with pytest.raises(DataError, match="is no file of polygons that is read: write it as GeoPackage"):
            find_layers(str(tmp_path / name))


def test_a_pipe_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.gpkg")
    with pytest.raises(DataError, match="a named pipe, not a file"):
        is_vector_file(tmp_path / "a.gpkg")
    for given in ("a.gpkg", "b.gpkg", "b.gpkg|layername=b"):
        with pytest.raises(DataError, match="does not exist: check the path"):
            find_layers(f"{tmp_path}/{given}")


def test_a_geometry_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    given = write_layer(tmp_path / "a.gpkg", [box(0, 0, 9, 9)] * 2, ["grass", "road"])
    with sqlite3.connect(given) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE a SET geom = NULL WHERE fid = 1")
    found = read_features(find_layers(str(given))[0], ["kind"])
    assert [shape is None for shape in found.shapes] == [True, False]
    assert (found.ids.tolist(), found.fields["kind"].tolist()) == ([1, 2], ["grass", "road"])
    assert found.ids.dtype == np.int64


def test_files_that_belong_together(tmp_path: Path) -> None:
    write_layer(tmp_path / "l.shp", [box(0, 0, 9, 9)], ["grass"], kind="Polygon")
    names = {path.name for path in vector_files(f"{tmp_path}/l.shp|layername=l")}
    assert names == {"l.shp", "l.dbf", "l.shx", "l.prj", "l.cpg"}
