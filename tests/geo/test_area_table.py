"""Square meters of classes and zones."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from segdrone.classes import ClassTable
from segdrone.geo.area_table import AreaTable
from segdrone.geo.areas import PixelAreas
from segdrone.geo.zones import Zones
from tests.helpers.label_maps import place, smooth_labels

TABLE = ClassTable(("road", "grass", "car"), ((90, 90, 90), (0, 99, 0), (0, 0, 200)))
MASK = smooth_labels(0, (60, 50), 4)
MASK[MASK == 3] = 255


def zones(*shapes: shapely.Polygon) -> Zones:
    """Returns zones at columns and rows."""
    ids = [*range(1, len(shapes) + 1)]
    return Zones(ids, [" ABC"[number] for number in ids], np.array(shapes), np.ones(len(shapes), bool))


def test_classes_and_zones_add_up(tmp_path: Path) -> None:
    areas = PixelAreas(place("EPSG:3857", (5.0, 0.0, 1e6, 0.0, -5.0, 6e6)), MASK.shape)
    left, right, both = shapely.box(0, 0, 20, 60), shapely.box(20, 0, 50, 60), shapely.box(10.2, 7, 33.4, 51)
    table = AreaTable(MASK.shape, TABLE, areas, zones(left, right, both))
    for top in range(0, 60, 7):
        table.add(MASK[top : top + 7])
    table.write_csv(tmp_path / "areas.csv", np.arange(256))
    with (tmp_path / "areas.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["zone"] for row in rows] == [name for name in ("", "A", "B", "C") for _ in range(4)]
    assert [row["class"] for row in rows[:4]] == ["road", "grass", "car", "no data"]
    square_meters = np.array([float(row["area_m2"]) for row in rows]).reshape(4, 4)
    pixels = np.array([int(row["pixels"]) for row in rows]).reshape(4, 4)
    assert square_meters[0].sum() == pytest.approx(areas.total, rel=1e-8)
    assert square_meters[1] + square_meters[2] == pytest.approx(square_meters[0], rel=1e-8)
    assert (pixels[1] + pixels[2]).tolist() == pixels[0].tolist()
    inside = MASK[7:51, 10:33]  # pixels with their centers in C
    assert pixels[3].tolist() == [(inside == class_id).sum() for class_id in (0, 1, 2, 255)]
    shares = [float(row["share"]) for row in rows[:3]]
    assert shares == pytest.approx(square_meters[0, :3] / square_meters[0, :3].sum(), abs=1e-6)
    assert (rows[3]["share"], rows[3]["class_id"], rows[3]["regions"]) == ("", "255", "")
    assert [row["regions"] for row in rows[:5]] == ["0", "1", "2", "", ""]


def test_json_names_no_data_apart(tmp_path: Path) -> None:
    table = AreaTable(MASK.shape, TABLE, None, zones(shapely.box(0, 0, 1, 1)))
    table.add(MASK)
    table.write_json(tmp_path / "areas.json")
    document = json.loads((tmp_path / "areas.json").read_text())
    assert document["size"] == [60, 50]
    raster, (zone,) = document["raster"], document["zones"]
    assert [row["class"] for row in raster["classes"]] == ["road", "grass", "car"]
    assert raster["no_data"] == {"area_m2": None, "pixels": int((MASK == 255).sum())}
    assert sum(row["share"] for row in raster["classes"]) == pytest.approx(1, abs=2e-6)
    assert (zone["zone"], zone["zone_id"], zone["is_inside"]) == ("A", 1, True)
    assert sum(row["pixels"] for row in zone["classes"]) + zone["no_data"]["pixels"] == 1


def test_a_raster_without_data_has_no_shares() -> None:
    table = AreaTable((2, 2), TABLE)
    table.add(np.full((2, 2), 255, np.uint8))
    assert [row["share"] for row in table.rows()] == [None] * 4


def test_zones_with_a_hole_and_in_parts_far_apart() -> None:
    ring = shapely.box(2, 2, 12, 12).difference(shapely.box(4, 4, 10, 10)).union(shapely.box(40, 50, 42, 60))
    table = AreaTable((60, 50), TABLE, None, zones(ring))
    for _ in range(12):
        table.add(np.zeros((5, 50), np.uint8))
    assert table.rows()[4]["pixels"] == 100 - 36 + 20
