from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.data.splits.split import random_split
from tests.helpers.small_dataset import (
    IMAGES,
    MASKS,
    NAMES,
    check,
    get_check,
    mask,
    photograph,
    single_finding,
    write_set,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def split(root: Path, **names: list[str]) -> Path:
    folder = root / "splits"
    folder.mkdir()
    for name, ids in names.items():
        (folder / f"{name}.txt").write_text("\n".join(ids))
    return folder


def test_same_file_in_train_and_val_is_reported(root: Path) -> None:
    (root / IMAGES / "006.jpg").write_bytes((root / IMAGES / "001.jpg").read_bytes())
    folder = split(root, train=NAMES[:6], val=NAMES[6:])
    report = check(root, split_dir=folder)
    status, text, where = single_finding(report, "duplicates")
    assert (status, where) == ("WARNING", ["images/001.jpg (train) and images/006.jpg (val): the same file"])
    assert text.startswith("1 pair of near duplicates in two splits")
    assert get_check(report, "duplicates").facts["pairs"] == [
        {
            "first": "images/001.jpg",
            "second": "images/006.jpg",
            "same_file": True,
            "distance": 0,
            "splits": ["train", "val"],
        }
    ]
    assert not report.failed


def test_flipped_copy_within_a_split_is_reported(root: Path) -> None:
    pixels = np.clip(photograph(1)[:, ::-1].astype(int) + 12, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).resize((72, 48)).save(root / IMAGES / "002.jpg", quality=40)
    Image.fromarray(mask(48, 72)).save(root / MASKS / "002.png")
    report = check(root, split_dir=split(root, train=NAMES[:6], val=NAMES[6:]))
    status, text, (line,) = single_finding(report, "duplicates")
    assert status == "WARNING"
    assert "count double: remove one" in text
    assert line.startswith("images/001.jpg (train) and images/002.jpg (train): similar, ")
    assert not get_check(report, "duplicates").facts["pairs"][0]["same_file"]


def test_random_split_equals_that_of_training(root: Path) -> None:
    ids = random_split(NAMES)
    val, train = ids["val"][0], ids["train"][0]
    (root / IMAGES / f"{val}.jpg").write_bytes((root / IMAGES / f"{train}.jpg").read_bytes())
    report = check(root)
    pair = get_check(report, "duplicates").facts["pairs"][0]
    assert {pair["first"]: pair["splits"][0], pair["second"]: pair["splits"][1]} == {
        f"images/{val}.jpg": "val",
        f"images/{train}.jpg": "train",
    }
    by = "at random by photograph, data.split_seed=42"
    lists = {name: sorted(ids[name]) for name in ids}
    assert get_check(report, "splits").facts == {"source": "random", "by": by, **lists, "overlapping": []}
    assert "train 5, val 2, test 1 (at random" in get_check(report, "splits").summary


def test_near_duplicates_are_reported_without_a_split(root: Path) -> None:
    (root / IMAGES / "006.jpg").write_bytes((root / IMAGES / "001.jpg").read_bytes())
    report = check(root, split_dir=root)
    assert get_check(report, "duplicates").facts["pairs"][0]["splits"] == [None, None]
    assert single_finding(report, "duplicates")[2] == ["images/001.jpg and images/006.jpg: the same file"]
    status, text, _ = single_finding(report, "splits")
    assert status == "ERROR"
    assert "holds none of train.txt" in text


@pytest.mark.parametrize(
    ("names", "part"),
    [
        ({"train": NAMES[:5], "val": NAMES[4:]}, "photograph 004 is listed in"),
        (
            {"train": [*NAMES[:5], "900"], "val": NAMES[5:]},
            "names 1 photographs that do not exist or have no mask, 900 first",
        ),
        ({"val": NAMES}, "no photograph to train on"),
    ],
)
def test_unusable_split_is_an_error(root: Path, names: dict[str, list[str]], part: str) -> None:
    report = check(root, split_dir=split(root, **names))
    splits = get_check(report, "splits")
    assert splits.findings[0].status == "ERROR"
    assert part in splits.findings[0].text
    assert report.failed


def test_split_from_files_is_counted(root: Path) -> None:
    folder = split(root, train=NAMES[:4], val=NAMES[4:6], test=NAMES[6:7])
    splits = get_check(check(root, split_dir=folder), "splits")
    by = f"by the lists in {folder}"
    assert (splits.status, splits.summary) == ("OK", f"train 4, val 2, test 1, in no split 1 ({by})")
    lists = {"train": NAMES[:4], "val": NAMES[4:6], "test": NAMES[6:7]}
    assert splits.facts == {"source": str(folder), "by": by, **lists, "overlapping": []}


def test_missing_validation_is_a_warning(root: Path) -> None:
    report = check(root, split_dir=split(root, train=NAMES))
    assert single_finding(report, "splits")[:2] == (
        "WARNING",
        "no photograph to validate on: training cannot choose its best epoch by validation",
    )


def test_classes_absent_from_train_are_reported(root: Path) -> None:
    folder = split(root, train=NAMES[:5], val=NAMES[5:7], test=NAMES[7:])
    for name in NAMES[:5]:
        without = mask()
        without[without == 2] = 1
        Image.fromarray(without).save(root / MASKS / f"{name}.png")
    report = check(root, split_dir=folder)
    status, text, where = single_finding(report, "splits")
    assert (status, where) == ("WARNING", ["roof (val)", "roof (test)"])
    assert "move photographs to train" in text
    assert not report.failed


def test_same_pixels_in_another_file_are_not_the_same_file(root: Path) -> None:
    (root / IMAGES / "002.jpg").unlink()
    Image.open(root / IMAGES / "001.jpg").save(root / IMAGES / "002.png")
    pair = get_check(check(root), "duplicates").facts["pairs"][0]
    assert (pair["second"], pair["distance"], pair["same_file"]) == ("images/002.png", 0, False)
