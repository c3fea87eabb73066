from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.annotations.conftest import document, imported, mask, photograph, refusal

SQUARE = {
    "class_name": "road",
    "bbox": [10, 10, 50, 40],
    "polygon": [[10, 10], [50, 10], [50, 40], [10, 40]],
    "mask": None,
}


def hasty(path: Path, *labels: Any) -> Path:
    classes = [{"class_name": "road", "color": "#10203080"}, {"class_name": "car"}]
    image = {"image_name": "a.png", "dataset_name": "default", "width": 96, "height": 64, "labels": list(labels)}
    return document(path, {"export_format_version": "1.1", "label_classes": classes, "images": [image]})


def starts_and_lengths(inside: np.ndarray[Any, Any]) -> list[int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.reshape(-1).astype(int), [0]])))
    return [
        number
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        for number in (int(start) + 1, int(end - start))
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


@pytest.mark.parametrize("first", [False, True])
def test_mask_is_pairs_of_first_pixel_and_length_in_its_box(folder: Path, first: bool) -> None:
    truth = np.random.default_rng(0).random((20, 28)) < 0.5
    truth[0, 0] = first
    car = {
        "class_name": "car",
        "bbox": [10, 20, 38, 40],
        "mask": starts_and_lengths(truth),
        "z_index": 2,
        "polygon": None,
    }
    hasty(folder / "a.json", car, {**SQUARE, "z_index": 1})
    summary = imported(folder, folder.parent / "out")
    inside = mask(folder.parent / "out") == 0
    np.testing.assert_array_equal(inside[20:40, 10:38], truth)
    assert inside.sum() == truth.sum()
    assert (summary.table.names, summary.table.colours[1]) == (("car", "road"), (16, 32, 48))


def test_boxes_without_outline_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    hasty(folder / "a.json", SQUARE, {"class_name": "car", "bbox": [1, 1, 5, 5], "polygon": None, "mask": None})
    imported(folder, folder.parent / "out")
    assert "left out: 1 bounding boxes" in caplog.text


@pytest.mark.parametrize("runs", [[1, 9999], [5, 3, 2, 1], [-4, 3]])
def test_invalid_mask_is_reported(folder: Path, runs: list[int]) -> None:
    path = hasty(folder / "a.json", {"class_name": "car", "bbox": [10, 20, 38, 40], "mask": runs})
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: images[0].labels[0] has run lengths for")
