from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.data.split import random_split
from tests.helpers.small_dataset import IMAGES, MASKS, NAMES, check, mask, named, photograph, told, write_set


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def split(root: Path, **names: list[str]) -> Path:
    folder = root / "splits"
    folder.mkdir()
    for name, ids in names.items():
        (folder / f"{name}.txt").write_text("\n".join(ids))
    return folder


def test_the_same_file_in_train_and_val_is_told(root: Path) -> None:
    (root / IMAGES / "006.jpg").write_bytes((root / IMAGES / "001.jpg").read_bytes())
    folder = split(root, train=NAMES[:6], val=NAMES[6:])
    report = check(root, split_dir=folder)
    status, text, where = told(report, "duplicates")
    assert (status, where) == ("WARNING", ["images/001.jpg (train) and images/006.jpg (val): the same file"])
    assert text.startswith("1 pair of alike photographs in two splits")
    assert named(report, "duplicates").facts["pairs"] == [
        {
            "first": "images/001.jpg",
            "second": "images/006.jpg",
            "same_file": True,
            "distance": 0,
            "splits": ["train", "val"],
        }
    ]
    assert not report.failed


def test_a_flipped_copy_of_lower_quality_in_one_split_is_told(root: Path) -> None:
    pixels = np.clip(photograph(1)[:, ::-1].astype(int) + 12, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).resize((72, 48)).save(root / IMAGES / "002.jpg", quality=40)
    Image.fromarray(mask(48, 72)).save(root / MASKS / "002.png")
    report = check(root, split_dir=split(root, train=NAMES[:6], val=NAMES[6:]))
    status, text, (line,) = told(report, "duplicates")
    assert status == "WARNING"
    assert "count double: remove one" in text
    assert line.startswith("images/001.jpg (train) and images/002.jpg (train): alike, ")
    assert not named(report, "duplicates").facts["pairs"][0]["same_file"]


def test_the_random_split_is_the_one_that_training_makes(root: Path) -> None:
    ids = random_split(NAMES)
    val, train = ids["val"][0], ids["train"][0]
    (root / IMAGES / f"{val}.jpg").write_bytes((root / IMAGES / f"{train}.jpg").read_bytes())
    report = check(root)
    pair = named(report, "duplicates").facts["pairs"][0]
    assert {pair["first"]: pair["splits"][0], pair["second"]: pair["splits"][1]} == {
        f"images/{val}.jpg": "val",
        f"images/{train}.jpg": "train",
    }
    assert named(report, "splits").facts == {"source": "random", **{name: sorted(ids[name]) for name in ids}}
    assert "train 5, val 2, test 1 (at random" in named(report, "splits").summary


def test_alike_photographs_without_a_split_are_still_told(root: Path) -> None:
    (root / IMAGES / "006.jpg").write_bytes((root / IMAGES / "001.jpg").read_bytes())
    report = check(root, split_dir=root)
    assert named(report, "duplicates").facts["pairs"][0]["splits"] == [None, None]
    assert told(report, "duplicates")[2] == ["images/001.jpg and images/006.jpg: the same file"]
    status, text, _ = told(report, "splits")
    assert status == "ERROR"
    assert "holds none of train.txt" in text


@pytest.mark.parametrize(
    ("names", "part"),
    [
        ({"train": NAMES[:5], "val": NAMES[4:]}, "photograph 004 is listed in"),
        ({"train": [*NAMES[:5], "900"], "val": NAMES[5:]}, "names 1 photographs that do not exist, 900 first"),
        ({"val": NAMES}, "no photograph to train on"),
    ],
)
def test_a_split_that_cannot_be_trained_on_is_an_error(root: Path, names: dict[str, list[str]], part: str) -> None:
    report = check(root, split_dir=split(root, **names))
    splits = named(report, "splits")
    assert splits.findings[0].status == "ERROR"
    assert part in splits.findings[0].text
    assert report.failed


def test_a_split_by_files_is_counted(root: Path) -> None:
    folder = split(root, train=NAMES[:4], val=NAMES[4:6], test=NAMES[6:7])
    splits = named(check(root, split_dir=folder), "splits")
    assert (splits.status, splits.summary) == ("OK", "train 4, val 2, test 1, in none 1")
    assert splits.facts == {"source": str(folder), "train": NAMES[:4], "val": NAMES[4:6], "test": NAMES[6:7]}


def test_no_validation_is_a_warning(root: Path) -> None:
    report = check(root, split_dir=split(root, train=NAMES))
    assert told(report, "splits")[:2] == ("WARNING", "no photograph to validate on: no epoch can be called best")


def test_classes_that_train_lacks_are_named(root: Path) -> None:
    folder = split(root, train=NAMES[:5], val=NAMES[5:7], test=NAMES[7:])
    for name in NAMES[:5]:
        without = mask()
        without[without == 2] = 1
        Image.fromarray(without).save(root / MASKS / f"{name}.png")
    report = check(root, split_dir=folder)
    status, text, where = told(report, "splits")
    assert (status, where) == ("WARNING", ["roof (val)", "roof (test)"])
    assert "move photographs to train" in text
    assert not report.failed


def test_the_same_pixels_in_another_file_are_no_same_file(root: Path) -> None:
    (root / IMAGES / "002.jpg").unlink()
    Image.open(root / IMAGES / "001.jpg").save(root / IMAGES / "002.png")
    pair = named(check(root), "duplicates").facts["pairs"][0]
    assert (pair["second"], pair["distance"], pair["same_file"]) == ("images/002.png", 0, False)
