"""Imports as a whole: the dataset they make, their arguments and where they may write."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.annotations import import_annotations
from segdrone.raster.decode import read_image
from tests.annotations.conftest import imported, mask, photograph, refusal
from tests.annotations.test_labelme import labelme
from tests.helpers.annotation_exports import CAR, STREET


def test_imported_dataset_can_be_opened_for_training(tmp_path: Path) -> None:
    from segdrone.data.config import DataConfig
    from segdrone.data.dataset_folder import open_dataset
    from segdrone.data.masks.mask_files import read_mask

    source, out = tmp_path / "export", tmp_path / "dataset"
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees, as the tools show it
    photograph(source / "a.jpg")
    turned = Image.fromarray(np.zeros((96, 64, 3), np.uint8))
    turned.save(source / "b.jpg", exif=exif)
    for name in "ab":
        labelme(source / f"{name}.json", STREET, CAR, imagePath=f"..\\photos\\{name}.jpg")
    summary = imported(source, out)
    dataset = open_dataset(DataConfig(root=str(out)))
    assert dataset.table == summary.table
    pairs = dataset.pairs
    assert [(pair.id, pair.size) for pair in pairs] == [("a", (64, 96)), ("b", (64, 96))]
    for pair in pairs:
        assert pair.mask is not None
        assert pair.image.samefile(source / pair.image.name)
        values = read_mask(pair.mask, dataset.encoding)
        assert read_image(pair.image).shape[:2] == values.shape
        assert (values == 0).sum() == 100
        assert (values == 1).sum() == 30 * 40 - 100
    assert (summary.pixels[0], summary.pixels[1], summary.pixels.sum()) == (200, 2200, 2 * 64 * 96)
    assert summary.shapes.tolist() == [2, 2]


def test_background_fills_uncovered_pixels(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    summary = imported(folder, folder.parent / "out", background="ground")
    assert summary.table.names == ("ground", "car")
    values = mask(folder.parent / "out")
    assert (values[25, 25], values[0, 0], (values == 0).sum()) == (1, 0, 64 * 96 - 100)


def test_unknown_labels_are_reported_with_count_and_file(folder: Path) -> None:
    lorry = {**CAR, "label": "lorry"}
    path = labelme(folder / "a.json", CAR, lorry, STREET, lorry)
    assert (
        f"the class table drone lacks 'lorry' (2 shapes, first in {path}: shapes[1]), "
        f"'street' (1 shapes, first in {path}: shapes[2]): add them"
        in refusal(folder, folder.parent / "out", classes="drone")
    )


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        ("none", {}, "none does not exist: give an annotation file"),
        ("empty", {}, "empty contains no annotations (.json, .jsonl, .ndjson, .xml, .yaml or .yml)"),
        ("in/a.png", {}, "a.png contains no annotations (.json, .jsonl"),
        (
            "in",
            {"annotation_format": "voc"},
            "'voc' is not an annotation format: choose one of labelme, labelme-xml, coco, coco-panoptic",
        ),
        ("in", {"annotation_format": "cvat"}, "a.json is not in the format cvat"),
        ("in", {"images": Path("nowhere")}, "nowhere is not a folder"),
        ("in", {"classes": "nowhere.csv"}, "class table nowhere.csv does not exist"),
        ("in", {"classes": "drone", "background": "ground"}, "lacks 'ground' (the background)"),
        ("in", {"background": "ignore"}, "--background ignore: pixels outside of shapes are ignored without it"),
    ],
)
def test_invalid_arguments_are_reported(folder: Path, source: str, options: dict[str, Any], expected: str) -> None:
    labelme(folder / "a.json", CAR)
    (folder.parent / "empty").mkdir()
    assert expected in refusal(folder.parent / source, folder.parent / "out", **options)


def test_annotations_without_shapes_are_refused(folder: Path) -> None:
    labelme(folder / "a.json")
    assert "has no shape on any photograph" in refusal(folder, folder.parent / "out")
    assert imported(folder, folder.parent / "out", background="ground").photographs == 1


@pytest.mark.parametrize("out", ["in", "in/images"])
def test_folder_of_the_photographs_is_not_written_to(folder: Path, out: str) -> None:
    labelme(folder / "a.json", CAR)
    assert "would mix" in refusal(folder, folder.parent / out)
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "a.png"]


def test_folder_below_the_photographs_is_not_searched_for_them(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    for _ in range(2):
        assert imported(folder, folder / "out").skipped == {}
        assert imported(folder / "a.json", folder / "out").photographs == 1


def test_folder_without_write_permission_is_reported(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    out = folder.parent / "out"
    out.mkdir()
    (out / "masks").write_text("a file")
    assert f"{out} cannot be written to" in refusal(folder, out)


def test_progress_bar_is_shown_on_demand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelme(folder / "a.json", CAR)
    import_annotations(folder, folder.parent / "out", progress=True)
    assert "masks: 100%" in capsys.readouterr().err
    shutil.rmtree(folder.parent / "out")
    imported(folder, folder.parent / "out")
    assert capsys.readouterr().err == ""
    assert os.listdir(folder.parent / "out" / "masks") == ["a.png"]
