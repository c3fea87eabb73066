from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as cocotools

from tests.annotations.conftest import document, imported, mask, photograph, refusal

CORNERS = ((0.125, 0.25), (0.5, 0.25), (0.5, 0.75), (0.125, 0.75))  # columns 12 to 48, rows 16 to 48
POINTS = [{"x": x, "y": y} for x, y in CORNERS]


def thing(**geometry: Any) -> dict[str, Any]:
    return {"name": "Roof", "value": "roof", "color": "#102030", "shape": next(iter(geometry)), **geometry}


def encord(path: Path, *objects: Any, **unit: Any) -> Path:
    labels = {"objects": list(objects), "classifications": []}
    data = {"data_hash": "h", "data_title": "a.png", "data_type": "image", "width": 96, "height": 64, "labels": labels}
    return document(path, [{"label_hash": "l", "data_title": "a.png", "data_units": {"h": {**data, **unit}}}])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


def drawn(folder: Path, *objects: Any) -> np.ndarray[Any, Any]:
    encord(folder / "a.json", *objects)
    imported(folder, folder.parent / "out")
    return np.asarray(mask(folder.parent / "out") == 0)


@pytest.mark.parametrize("points", [POINTS, {str(i): POINTS[i] for i in (3, 1, 0, 2)}])
def test_polygons_are_shares_of_the_photograph(folder: Path, points: Any) -> None:
    expected = np.zeros((64, 96), bool)
    expected[16:48, 12:48] = True
    np.testing.assert_array_equal(drawn(folder, thing(polygon=points)), expected)
    box = {"x": 0.125, "y": 0.25, "w": 0.375, "h": 0.5}
    np.testing.assert_array_equal(drawn(folder, thing(boundingBox=box)), expected)


@pytest.mark.parametrize("flat", [True, False])
def test_contours_of_polygons_are_holes(folder: Path, flat: bool) -> None:
    hole = ((0.25, 0.5), (0.375, 0.5), (0.375, 0.625), (0.25, 0.625))
    rings = [[value for corner in ring for value in corner] for ring in (CORNERS, hole)]
    if not flat:
        rings = [[{"x": x, "y": y} for x, y in ring] for ring in (CORNERS, hole)]  # type: ignore[misc]
    expected = np.zeros((64, 96), bool)
    expected[16:48, 12:48] = True
    expected[32:40, 24:36] = False
    np.testing.assert_array_equal(drawn(folder, thing(polygons=[rings], polygon=POINTS)), expected)


def test_bitmask_has_runs_along_the_rows(folder: Path) -> None:
    truth = np.random.default_rng(0).random((20, 28)) < 0.5
    counts = cocotools.encode(np.asfortranarray(truth.T.astype(np.uint8)))["counts"].decode()
    bitmask = {"top": 20, "left": 10, "height": 20, "width": 28, "rleString": counts}
    expected = np.zeros((64, 96), bool)
    expected[20:40, 10:38] = truth
    np.testing.assert_array_equal(drawn(folder, thing(bitmask=bitmask)), expected)


@pytest.mark.parametrize(
    ("objects", "unit", "expected"),
    [
        ([thing(rotatableBoundingBox={})], {}, "is of the kind rotatableBoundingBox, which is not known here"),
        (
            [thing(bitmask={"top": 0, "left": 0, "height": 1, "width": 1, "rleString": "~"})],
            {},
            "is cut short, or is not",
        ),
        ([thing(polygon={"x": 1})], {}, "is 'x', not numbers"),
        ([], {"labels": {"0": {"objects": []}}}, "has labels by frame, of a video: export single images from Encord"),
    ],
)
def test_invalid_unit_is_reported(folder: Path, objects: list[Any], unit: dict[str, Any], expected: str) -> None:
    path = encord(folder / "a.json", *objects, **unit)
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: [0].data_units.h")
    assert expected in text
