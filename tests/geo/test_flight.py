"""Flights: GeoJSON and table of their photographs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import shape

from segdrone.errors import ConfigError, DataError
from segdrone.geo.flight import PROPERTIES, Flight, describe_flight, find_flight, read_flight, write_flight
from tests.helpers.capture import dji_xmp, save_with_exif

PLACE = (47.07, 15.44)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    save_with_exif(folder / "sub" / "d.jpg", PLACE, xmp=dji_xmp(20, (30, -90, 0)), time="2024:05:01 10:22:33")
    save_with_exif(folder / "c.jpg", PLACE, xmp=dji_xmp(20, (30, -20, 0)))
    save_with_exif(folder / "b.tif", PLACE, xmp=dji_xmp(20, (-150, -90, 0)))
    save_with_exif(folder / "a.jpg", height=20)
    (folder / "broken.jpg").write_bytes(b"no photograph")
    return folder


def read(folder: Path) -> Flight:
    return read_flight(find_flight([folder]))


def written(folder: Path, out: Path) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    table = write_flight(read(folder), out)
    document = json.loads(out.read_text())
    assert document["type"] == "FeatureCollection"
    with table.open(newline="") as file:
        return document["features"], [*csv.DictReader(file)]


def test_each_photograph_is_a_feature(photographs: Path, tmp_path: Path) -> None:
    features, rows = written(photographs, tmp_path / "out" / "flight.geojson")
    assert [feature["properties"]["file"] for feature in features] == ["a.jpg", "b.tif", "c.jpg", "sub/d.jpg"]
    assert [feature["geometry"] and feature["geometry"]["type"] for feature in features] == [
        None, "Polygon", "Point", "Polygon",
    ]  # fmt: skip
    assert features[2]["geometry"]["coordinates"] == pytest.approx([15.44, 47.07])
    turned, north = (shape(features[number]["geometry"]) for number in (1, 3))  # by half a turn
    assert turned.symmetric_difference(north).area < 0.01 * north.area
    down = features[3]["properties"]
    assert tuple(down) == PROPERTIES
    assert (down["time"], down["height_m"], down["height_source"]) == ("2024-05-01T10:22:33", 20.0, "relative altitude")
    assert (down["gsd_cm"], down["area_m2"]) == (pytest.approx(100 * 30 / 9, abs=1e-3), 600.0)
    assert (down["gsd_source"], down["reason"]) == ("relative altitude, 35 mm focal length", "")
    assert (down["yaw"], down["pitch"], down["roll"]) == (30, -90, 0)
    assert features[2]["properties"]["reason"] == (
        "oblique: 70 degrees from straight down; a corner looks above the horizon"
    )
    assert features[0]["properties"]["reason"] == "no position; the direction of the camera is unknown"
    assert [row["file"] for row in rows] == ["a.jpg", "b.tif", "c.jpg", "sub/d.jpg"]
    assert float(rows[3]["latitude"]) == pytest.approx(47.07)
    assert (rows[0]["latitude"], rows[2]["gsd_cm"], rows[3]["area_m2"]) == ("", "", "600.0")


def test_the_same_flight_gives_the_same_bytes(photographs: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(photographs, tmp_path / f"{name}.geojson")
    assert (tmp_path / "one.geojson").read_bytes() == (tmp_path / "two.geojson").read_bytes()
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_broken_files_are_told_and_the_others_read(photographs: Path) -> None:
    flight = read(photographs)
    assert [*flight.failed] == ["broken.jpg"]
    assert "broken.jpg" in flight.failed["broken.jpg"]
    assert len(flight.photographs) == 4


def test_the_lines_for_the_terminal(photographs: Path) -> None:
    save_with_exif(photographs / "e.jpg", PLACE, xmp=dji_xmp(20, (30, -65, 0)))
    lines = describe_flight(read(photographs))
    assert lines[0] == "5 photographs, 4 with a position, 3 with a footprint"
    assert lines[1] == "1,193 m2 covered, each place by 1.8 photographs on average"
    assert lines[2].startswith(
        "ground sampling distance 333.33 cm (median; 333.33 to 333.33), standard uncertainty 25%"
    )
    assert lines[3:] == [
        "1 without a footprint: no position; the direction of the camera is unknown",
        "1 without a footprint: oblique: 70 degrees from straight down; a corner looks above the horizon",
        "1 in doubt: oblique: 25 degrees from straight down",
    ]


def test_no_place_is_an_error(tmp_path: Path) -> None:
    save_with_exif(tmp_path / "a.jpg", height=20)
    with pytest.raises(DataError, match="none of 1 photographs has a position in its EXIF or XMP data"):
        write_flight(read(tmp_path), tmp_path / "flight.geojson")
    assert not (tmp_path / "flight.geojson").exists()


def test_other_suffixes_are_refused(photographs: Path) -> None:
    with pytest.raises(ConfigError, match="must be a GeoJSON file, such as flight.geojson"):
        write_flight(read(photographs), Path("flight.csv"))


def test_a_file_and_a_pattern_are_a_flight_too(photographs: Path) -> None:
    assert [image.path for image in find_flight([photographs / "c.jpg"])] == ["c.jpg"]
    assert [image.path for image in find_flight([f"{photographs}/**/*.jpg"])] == [
        "a.jpg", "broken.jpg", "c.jpg", "sub/d.jpg",
    ]  # fmt: skip


def test_values_of_strangers_end_in_json(tmp_path: Path) -> None:
    hostile = {"GimbalYawDegree": "nan", "GimbalPitchDegree": "-90", "GpsLatitude": "1e400", "GpsLongitude": "9" * 500}
    save_with_exif(tmp_path / "a.jpg", PLACE, xmp=dji_xmp(1e-3, None, **hostile), details={0x920A: 1e-9})
    save_with_exif(tmp_path / "b.jpg", PLACE, xmp=dji_xmp(9999, (0, -90, 0)), focal=1)
    Image.fromarray(np.zeros((6, 9), np.uint16)).save(tmp_path / "c.tif", tiffinfo={700: b"<!DOCTYPE x []><x/>"})
    features, _ = written(tmp_path, tmp_path / "out.geojson")
    assert [feature["properties"]["file"] for feature in features] == ["a.jpg", "b.jpg", "c.tif"]
