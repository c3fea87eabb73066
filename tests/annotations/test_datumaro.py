from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as cocotools

from tests.annotations.conftest import document, imported, mask, photograph, refusal

SQUARE = {"type": "polygon", "label_id": 1, "points": [10, 10, 50, 10, 50, 40, 10, 40], "z_order": 0}


def datumaro(path: Path, *annotations: Any, **item: Any) -> Path:
    image = {"path": "a.png", "size": [64, 96]}
    root = {
        "info": {},
        "categories": {
            "label": {"labels": [{"name": "background"}, {"name": "road"}, {"name": "car"}]},
            "mask": {"colormap": [{"label_id": 1, "r": 9, "g": 8, "b": 7}]},
        },
        "items": [{"id": "a", "annotations": list(annotations), "image": image, **item}],
    }
    return document(path, root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "images" / "train" / "a.png")
    return tmp_path / "in"


def test_polygons_masks_boxes_and_ellipses_are_drawn_by_z_order(folder: Path) -> None:
    truth = np.zeros((64, 96), np.uint8, order="F")
    truth[20:25, 20:30] = 1
    rle = {"counts": cocotools.encode(truth)["counts"].decode(), "size": [64, 96]}
    car = {"type": "mask", "label_id": 2, "rle": rle, "z_order": 1}
    box = {"type": "bbox", "label_id": 2, "bbox": [60, 5, 10, 20]}
    path = datumaro(folder / "annotations" / "train.json", car, SQUARE, box, {"type": "label", "label_id": 0})
    summary = imported(folder, folder.parent / "out")
    expected = np.full((64, 96), 255, np.uint8)
    expected[10:40, 10:50] = 2
    expected[truth > 0] = 1
    expected[5:25, 60:70] = 1
    np.testing.assert_array_equal(mask(folder.parent / "out"), expected)
    assert (summary.table.names, summary.table.colours[2]) == (("background", "car", "road"), (9, 8, 7))
    assert summary.skipped == {"labels, points, lines and captions": 1}
    datumaro(path, {"type": "ellipse", "label_id": 2, "points": [10, 10, 30, 20]})
    imported(folder, folder.parent / "out")
    assert abs((mask(folder.parent / "out") == 1).sum() - np.pi * 10 * 5) < 4


def test_boxes_that_cvat_rotated_are_drawn_rotated(folder: Path) -> None:
    attributes = {"occluded": False, "rotation": 90.0}
    datumaro(folder / "train.json", {"type": "bbox", "label_id": 2, "bbox": [30, 20, 40, 10], "attributes": attributes})
    imported(folder, folder.parent / "out")
    expected = np.full((64, 96), 255, np.uint8)
    expected[5:45, 45:55] = 1
    np.testing.assert_array_equal(mask(folder.parent / "out"), expected)


def test_rotated_boxes_that_are_not_read_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    datumaro(folder / "train.json", SQUARE, {"type": "rotated_bbox", "label_id": 2, "bbox": [30, 20, 40, 10, 5]})
    imported(folder, folder.parent / "out")
    assert "left out: 1 rotated bounding boxes; their pixels stay as no shape covers them" in caplog.text


@pytest.mark.parametrize("image", [None, {"path": "", "size": [64, 96]}])
def test_photograph_is_found_by_the_id_without_suffix(folder: Path, image: Any) -> None:
    datumaro(folder / "train.json", SQUARE, image=image, id="train/a")
    assert imported(folder, folder.parent / "out").photographs == 1


def test_files_are_subsets(folder: Path) -> None:
    photograph(folder / "images" / "validation" / "a.png")
    for subset in ("train", "validation"):
        datumaro(folder / "annotations" / f"{subset}.json", SQUARE, image={"path": "a.png"})
    summary = imported(folder, folder.parent / "out")
    assert summary.splits == {"train": 1, "val": 1}
    assert sorted(path.stem for path in (folder.parent / "out" / "masks").iterdir()) == ["train_a", "validation_a"]


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        ({**SQUARE, "label_id": 3}, "has the label_id 3, which no label has"),
        ({**SQUARE, "points": [1, 2, 3]}, "has 3 numbers, which is not valid for a polygon"),
        ({"type": "bbox", "label_id": 1, "bbox": [1, 2, 3, 4, 5, 6]}, "has 6 numbers, which is not valid for a bbox"),
        (
            {"type": "mask", "label_id": 1, "rle": {"counts": "1", "size": [64, 96]}},
            "counts has run lengths for 1 pixels",
        ),
        ({"type": "mask", "label_id": 1, "rle": {"counts": "1", "size": [64]}}, "has the size [64], not a height and"),
    ],
)
def test_invalid_annotation_is_reported(folder: Path, invalid: Any, expected: str) -> None:
    path = datumaro(folder / "train.json", SQUARE, invalid)
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: items[0].annotations[1]")
    assert expected in text


def test_masks_of_an_item_without_size_must_have_that_of_the_photograph(folder: Path) -> None:
    small = {"type": "mask", "label_id": 1, "rle": {"counts": [0, 32 * 48], "size": [32, 48]}}
    datumaro(folder / "a.json", small, image={"path": "a.png"})
    assert "has 48 x 32 pixels, its photograph 96 x 64" in refusal(folder, folder.parent / "out")
