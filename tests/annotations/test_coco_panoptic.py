from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.annotations.conftest import document, imported, mask, photograph, refusal

ROAD, CAR, LARGE = 7, 300, 1_500_000  # ids of segments


def segments(path: Path, size: tuple[int, int] = (64, 96), extra: int = 0) -> Path:
    """A panoptic PNG: road above row 30, a car in it, and a thing with an id of three bytes."""
    ids = np.zeros(size, np.int64)
    ids[:30] = ROAD
    ids[10:20, 10:30] = CAR
    ids[40:50, 60:80] = LARGE
    ids[-1, -1] = extra
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.stack([ids % 256, ids // 256 % 256, ids // 65536], 2).astype(np.uint8)).save(path)
    return path


def panoptic(path: Path, **more: Any) -> Path:
    info = [{"id": ROAD, "category_id": 1}, {"id": CAR, "category_id": 2}, {"id": LARGE, "category_id": 2}]
    root = {
        "images": [{"id": 7, "width": 96, "height": 64, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "road", "isthing": 0}, {"id": 2, "name": "car"}, {"id": 3, "name": "sky"}],
        "annotations": [{"image_id": 7, "file_name": "a.png", "segments_info": info, **more}],
    }
    return document(path, root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "images" / "a.jpg")
    return tmp_path / "in"


@pytest.mark.parametrize("place", ["annotations/panoptic_train", "annotations"])
def test_segments_are_read_from_the_png_beside(folder: Path, place: str) -> None:
    panoptic(folder / "annotations" / "panoptic_train.json")
    segments(folder / place / "a.png")
    summary = imported(folder, folder.parent / "out")
    expected = np.full((64, 96), 255, np.uint8)
    expected[:30] = 1
    expected[10:20, 10:30] = expected[40:50, 60:80] = 0
    np.testing.assert_array_equal(mask(folder.parent / "out"), expected)
    assert summary.table.names == ("car", "road", "sky")


def test_a_png_that_changes_is_read_again(folder: Path) -> None:
    panoptic(folder / "panoptic.json")
    segments(folder / "a.png", extra=0)
    imported(folder, folder.parent / "out")
    segments(folder / "a.png", extra=CAR)
    imported(folder, folder.parent / "out")
    assert mask(folder.parent / "out")[-1, -1] == 0


def test_missing_png_is_told_by_name(folder: Path) -> None:
    panoptic(folder / "panoptic.json")
    text = refusal(folder, folder.parent / "out")
    assert "is COCO panoptic, whose segments are in PNG files, but neither" in text
    assert "unpack the panoptic PNG files there, or export instances or stuff" in text


def test_photograph_of_the_same_name_is_not_its_png(folder: Path) -> None:
    photograph(folder / "a.png")
    path = panoptic(folder / "panoptic.json")
    path.write_text(path.read_text().replace("a.jpg", "a.png"))
    assert "is COCO panoptic, whose segments are in PNG files" in refusal(path, folder.parent / "out")


@pytest.mark.parametrize(
    ("more", "png", "expected"),
    [
        ({}, {"size": (65, 96)}, "of 96 x 65 pixels, not 96 x 64"),
        ({}, {"extra": 9}, "with a segment 9 that it does not describe"),
        ({"segments_info": [{"id": 1, "category_id": 4}]}, {}, "has the category_id 4, which no category has"),
        ({"segments_info": [{"id": "x", "category_id": 1}]}, {}, "segments_info[0].id is 'x', not an integer"),
        ({"image_id": 8}, {}, "has the image_id 8, which no image has"),
    ],
)
def test_invalid_segments_are_reported(folder: Path, more: dict[str, Any], png: dict[str, Any], expected: str) -> None:
    panoptic(folder / "panoptic.json", **more)
    segments(folder / "panoptic" / "a.png", **png)
    assert expected in refusal(folder, folder.parent / "out")
