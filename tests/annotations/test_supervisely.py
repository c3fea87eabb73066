from __future__ import annotations

import base64
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.annotations.conftest import document, imported, mask, photograph, refusal

OUTLINE = [[10, 10], [50, 10], [50, 40], [10, 40]]
HOLE = [[20, 20], [30, 20], [30, 30], [20, 30]]
SQUARE = {
    "classTitle": "road",
    "geometryType": "polygon",
    "points": {"exterior": OUTLINE, "interior": [HOLE]},
}


def supervisely(root: Path, *objects: Any, name: str = "a.png") -> Path:
    classes = [{"title": "road", "shape": "polygon", "color": "#102030"}, {"title": "car", "shape": "bitmap"}]
    document(root / "meta.json", {"classes": classes, "tags": []})
    annotation = {"description": "", "tags": [], "size": {"height": 64, "width": 96}, "objects": list(objects)}
    return document(root / "ds0" / "ann" / f"{name}.json", annotation)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "ds0" / "img" / "a.png")
    return tmp_path / "in"


def test_polygon_differs_from_opencv_on_its_boundary_only(folder: Path) -> None:
    supervisely(folder, SQUARE)
    summary = imported(folder, folder.parent / "out")
    truth = np.zeros((64, 96), np.uint8)
    cv2.fillPoly(truth, [np.array(OUTLINE)], [1])
    cv2.fillPoly(truth, [np.array(HOLE)], [0])
    rim = cv2.dilate(truth, np.ones((3, 3))) != cv2.erode(truth, np.ones((3, 3)))
    inside = mask(folder.parent / "out") == 1
    assert not ((inside != (truth > 0)) & ~rim).any()
    assert (inside.sum(), summary.table.names, summary.table.colours[1]) == (1100, ("car", "road"), (16, 32, 48))


def test_bitmap_is_placed_at_its_origin(folder: Path) -> None:
    truth = np.random.default_rng(0).random((20, 28)) < 0.5
    image = Image.fromarray(truth.astype(np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    file = BytesIO()
    image.save(file, "PNG", transparency=0)
    data = base64.b64encode(zlib.compress(file.getvalue())).decode()
    bitmap = {"classTitle": "car", "geometryType": "bitmap", "bitmap": {"data": data, "origin": [10, 20]}}
    supervisely(folder, bitmap)
    imported(folder, folder.parent / "out")
    expected = np.zeros((64, 96), bool)
    expected[20:40, 10:38] = truth
    np.testing.assert_array_equal(mask(folder.parent / "out") == 0, expected)


def test_rectangle_includes_its_last_row_and_column(folder: Path) -> None:
    points = {"exterior": [[30, 5], [21, 2]], "interior": []}
    supervisely(folder, {"classTitle": "car", "geometryType": "rectangle", "points": points})
    imported(folder, folder.parent / "out")
    values = mask(folder.parent / "out") == 0
    assert values[2:6, 21:31].all()
    assert values.sum() == 40


def test_equal_names_in_two_datasets_stay_apart(folder: Path) -> None:
    photograph(folder / "ds1" / "img" / "a.png")
    first = supervisely(folder, SQUARE)
    document(folder / "ds1" / "ann" / "a.png.json", first.read_text())
    imported(folder, folder.parent / "out")
    assert sorted(path.stem for path in (folder.parent / "out" / "masks").iterdir()) == ["ds0_a", "ds1_a"]


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        ({**SQUARE, "geometryType": "multichannelBitmap"}, "has the geometry 'multichannelBitmap', which is not known"),
        (
            {"classTitle": "car", "geometryType": "bitmap", "bitmap": {"data": "x", "origin": [1]}},
            "origin is not a column",
        ),
        (
            {"classTitle": "car", "geometryType": "bitmap", "bitmap": {"data": "x", "origin": [1, 1]}},
            "is not a mask in PNG",
        ),
        ({**SQUARE, "geometryType": "rectangle"}, "has 4 points, which is not valid for a rectangle"),
    ],
)
def test_invalid_object_is_reported(folder: Path, invalid: Any, expected: str) -> None:
    path = supervisely(folder, SQUARE, invalid)
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: objects[1]")
    assert expected in text
