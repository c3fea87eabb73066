from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from segdrone.annotations.photograph_paths import common_folders, contradiction, posix_path, split_name, split_of_path


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("valid", "val"),
        ("VALIDATION", "val"),
        ("val2017", "val"),
        ("test_1", "test"),
        ("trainee", None),
        ("default", None),
        ("", None),
        ("2017", None),
    ],
)
def test_split_is_told_by_a_name(text: str, split: str | None) -> None:
    assert split_name(text) == split


@pytest.mark.parametrize(
    ("path", "in_name", "split"),
    [
        ("export/train/a.json", False, "train"),
        ("train/old/valid/a.json", False, "val"),
        ("annotations/instances_val2017.json", True, "val"),
        ("annotations/instances_val2017.json", False, None),
        ("annotations/panoptic-test.json", True, "test"),
        ("train.json", True, "train"),
        ("train.json", False, None),
        ("trainyard/a.json", True, None),
    ],
)
def test_split_is_told_by_a_path(path: str, in_name: bool, split: str | None) -> None:
    assert split_of_path(PurePosixPath(path), in_name=in_name) == split


@pytest.mark.parametrize(
    ("written", "found", "expected"),
    [
        ("100MEDIA/DJI_1.JPG", "photos/101MEDIA/DJI_1.JPG", "series"),
        ("f1/DJI_1.JPG", "f2/DJI_1.JPG", "series"),
        ("f1/images/DJI_1.JPG", "f2/images/DJI_1.JPG", "series"),
        ("2024-05-01/a.jpg", "2024-06-30/a.jpg", "series"),
        ("/home/ann/flight 3/a.jpg", "data/Flight 4/images/a.jpg", "series"),
        ("north/a.jpg", "south/a.jpg", "name"),
        ("F1/a.jpg", "photos/f1/a.jpg", None),
        ("images/a.jpg", "photos/a.jpg", None),
        ("a.jpg", "f1/a.jpg", None),
        ("f1/a.jpg", "images/a.jpg", None),
        ("../../f1/a.jpg", "f1/a.jpg", None),
    ],
)
def test_folders_contradict_each_other(written: str, found: str, expected: str | None) -> None:
    assert contradiction(PurePosixPath(written), PurePosixPath(found)) == expected


def test_last_folders_are_compared() -> None:
    assert common_folders(PurePosixPath("x/F1/images/a.jpg"), PurePosixPath("y/f1/images/b.jpg")) == 2
    assert common_folders(posix_path("D:\\f1\\a.jpg"), PurePosixPath("f1/a.jpg")) == 1
    assert common_folders(PurePosixPath("a.jpg"), PurePosixPath("f1/a.jpg")) == 0
