from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from segdrone.annotations import import_annotations
from tests.annotations.conftest import document, imported, mask, photograph, refusal

SQUARE = "1 0.125 0.25 0.5 0.25 0.5 0.75 0.125 0.75"  # columns 12 to 48, rows 16 to 48


def yolo(root: Path, *lines: str, names: str = "names: [car, tree]", label: str = "train/labels/a.txt") -> Path:
    document(root / label, "\n".join(lines) + "\n")
    return document(root / "data.yaml", f"train: ../train/images\nval: ../valid/images\nnc: 2\n{names}\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "train" / "images" / "a.jpg")
    return tmp_path / "in"


@pytest.mark.parametrize("names", ["names: [car, tree]", "names:\n  0: car\n  1: tree"])
def test_polygons_are_shares_of_the_photograph(folder: Path, names: str) -> None:
    yolo(folder, "0 0 0 1 0 1 1", SQUARE, "", names=names)
    summary = imported(folder, folder.parent / "out")
    values = mask(folder.parent / "out")
    assert summary.table.names == ("car", "tree")
    assert (values[16:48, 12:48] == 1).all()
    assert (values == 1).sum() == 32 * 36
    assert values[1, 94] == 0


def test_folders_are_the_split_and_equal_names_stay_apart(folder: Path) -> None:
    photograph(folder / "valid" / "images" / "a.jpg", (32, 48))
    yolo(folder, SQUARE)
    document(folder / "valid" / "labels" / "a.txt", SQUARE.replace("1 ", "0 ", 1))
    summary = imported(folder, folder.parent / "out")
    assert summary.splits == {"train": 1, "val": 1}
    assert (mask(folder.parent / "out", "train_a") == 1).sum() == 32 * 36
    assert (mask(folder.parent / "out", "valid_a") == 0).sum() == 16 * 18


def test_photographs_may_be_in_folders_of_a_split(tmp_path: Path) -> None:
    for split in ("train", "val"):
        photograph(tmp_path / "in" / "images" / split / "a.rf.7.jpg")
        yolo(tmp_path / "in", SQUARE, label=f"labels/{split}/a.rf.7.txt")
    assert imported(tmp_path / "in", tmp_path / "out").splits == {"train": 1, "val": 1}


def test_empty_label_file_is_a_photograph_of_background(folder: Path) -> None:
    photograph(folder / "train" / "images" / "b.jpg")
    yolo(folder, SQUARE)
    document(folder / "train" / "labels" / "b.txt", "")
    imported(folder, folder.parent / "out", background="ground")
    assert (mask(folder.parent / "out", "b") == 0).all()


@pytest.mark.parametrize("names_file", ["classes.txt", "obj.names"])
def test_names_may_be_in_a_list(folder: Path, names_file: str) -> None:
    yolo(folder, SQUARE)
    (folder / "data.yaml").unlink()
    assert "holds YOLO labels but no names of their classes: put data.yaml" in refusal(folder, folder.parent / "out")
    document(folder / names_file, "car\ntree\n")
    summary = imported(folder, folder.parent / "out")
    assert (summary.annotation_format, summary.table.names, summary.shapes.tolist()) == (
        "yolo",
        ("car", "tree"),
        [0, 1],
    )


def test_the_name_of_a_photograph_says_no_split(folder: Path) -> None:
    yolo(folder, SQUARE)
    photograph(folder / "valid" / "images" / "train_2.jpg")  # of another split once
    yolo(folder, SQUARE, label="valid/labels/train_2.txt")
    assert imported(folder, folder.parent / "out").splits == {"train": 1, "val": 1}


def test_an_empty_line_between_names_is_no_name(folder: Path) -> None:
    yolo(folder, SQUARE)
    (folder / "data.yaml").unlink()
    path = document(folder / "classes.txt", "car\n\ntree\n\n")  # tools number the lines: tree is 2
    assert f"{path} has an empty line 2, but the id of a class" in refusal(folder, folder.parent / "out")


def test_exports_whose_ids_are_of_other_classes_are_sources_of_their_own(folder: Path) -> None:
    photograph(folder / "valid" / "images" / "b.jpg")
    for split, name, names in (("train", "a", "car\ntree\n"), ("valid", "b", "tree\ncar\n")):
        document(folder / split / "labels" / f"{name}.txt", SQUARE)
        document(folder / split / "classes.txt", names)
    text = refusal(folder, folder.parent / "out")
    assert (
        f"{folder / 'train' / 'classes.txt'} and {folder / 'valid' / 'classes.txt'} give ids to other classes" in text
    )
    import_annotations([folder / "train", folder / "valid"], folder.parent / "out", progress=False)
    assert [mask(folder.parent / "out", name)[20, 20] for name in "ab"] == [1, 0]
    document(folder / "valid" / "classes.txt", "car\ntree\n\n")
    imported(folder, folder.parent / "out")
    assert [mask(folder.parent / "out", name)[20, 20] for name in "ab"] == [1, 1]


def test_boxes_are_told_to_be_boxes(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    yolo(folder, "0 0.5 0.5 0.1 0.1")
    text = refusal(folder, folder.parent / "out", background="ground")
    assert "holds 1 bounding boxes, but no outlines, which a mask needs" in text
    yolo(folder, "0 0.5 0.5 0.1 0.1", SQUARE)
    imported(folder, folder.parent / "out")
    assert "left out: 1 bounding boxes" in caplog.text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2 0 0 1 0 1 1", "has the class 2, but"),
        ("0 0 0 1 0 1", "has 6 numbers, not a class id and x, y, x, y"),
        ("0 0 0 96 0 96 64", "has coordinates that are not shares of the width and height"),
        ("0 0 0 nan 0 1 1", "contains a number that is not finite"),
        ("car 0 0 1 0 1 1", "not numbers"),
        ("10 10 50 10 50 40 10 40 car 0", "is DOTA's format of oriented bounding boxes"),
    ],
)
def test_invalid_line_is_reported(folder: Path, line: str, expected: str) -> None:
    yolo(folder, SQUARE, line)
    text = refusal(folder, folder.parent / "out")
    assert f"{folder / 'train' / 'labels' / 'a.txt'}: line 2" in text
    assert expected in text


def test_names_that_yaml_reads_as_numbers_are_names(folder: Path) -> None:
    yolo(folder, SQUARE, names="names: [10, 20]")
    assert imported(folder, folder.parent / "out").table.names == ("10", "20")
    yolo(folder, SQUARE, names="names: [yes, no]")
    assert "names[0] is True, not a text" in refusal(folder, folder.parent / "out2")


def test_keypoints_are_refused(folder: Path) -> None:
    yolo(folder, SQUARE, names="names: [car, tree]\nkpt_shape: [17, 3]")
    assert "describes keypoints (pose), which cover no pixels" in refusal(folder, folder.parent / "out")


def test_other_text_files_are_no_labels(folder: Path) -> None:
    yolo(folder, SQUARE)
    document(folder / "README.dataset.txt", "Roads > 2024\n")
    document(folder / "notes.txt", "none")
    np.testing.assert_equal(imported(folder, folder.parent / "out").photographs, 1)


def test_a_named_pipe_is_refused(folder: Path) -> None:
    document_with_names = yolo(folder, SQUARE)
    (folder / "train" / "labels" / "a.txt").unlink()
    os.mkfifo(folder / "train" / "labels" / "a.txt")  # from which reading would wait for ever
    assert "a.txt cannot be read (a named pipe, not a file)" in refusal(folder, folder.parent / "out")
    document_with_names.unlink()
    assert "contains no annotations" in refusal(folder, folder.parent / "out")


def test_yaml_files_of_other_programs_are_passed_over(folder: Path) -> None:
    yolo(folder, SQUARE)
    document(folder / "mkdocs.yml", "extra: !!python/name:os.system\n")
    document(folder / "compose.yaml", "services: {}\n")
    summary = imported(folder, folder.parent / "out")
    assert [note for note in summary.notes if "passed over: 2 files" in note]
