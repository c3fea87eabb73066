from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import ConfigError, DataError
from segdrone.inspection.check import check_dataset
from segdrone.synthetic.write import IMAGES as SCENE_IMAGES
from segdrone.synthetic.write import write_scenes
from tests.helpers.small_dataset import IMAGES, MASKS, NAMES, check, get_check, write_set

CHECKS = ["files", "reading", "sizes", "channels", "classes", "labels", "content", "instances", "duplicates", "splits"]


def test_valid_dataset_passes_every_check(tmp_path: Path) -> None:
    report = check(write_set(tmp_path / "set"))
    assert [check.name for check in report.checks] == CHECKS
    assert {check.status for check in report.checks} == {"OK"}
    assert all(not check.findings for check in report.checks)
    assert not report.failed


def test_synthetic_scenes_pass_every_check(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=4, height=64, width=96, seed=0, progress=False)
    report = check_dataset(tmp_path / "scenes", progress=False)
    assert not report.failed
    assert report.images == str(tmp_path / "scenes" / SCENE_IMAGES)
    assert get_check(report, "files").facts == {"pairs": 4, "photographs": 4, "masks": 4}
    assert get_check(report, "duplicates").status == "OK"


def test_result_does_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    (root / IMAGES / "003.jpg").write_text("no picture")
    Image.fromarray(np.full((64, 96), 77, np.uint8)).save(root / MASKS / "005.png")
    alone, together = check(root), check(root, workers=3)
    assert alone.to_dict() == together.to_dict()
    assert alone.failed


def test_broken_files_do_not_stop_the_other_checks(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    whole = (root / IMAGES / "000.jpg").read_bytes()
    (root / IMAGES / "000.jpg").write_bytes(whole[: len(whole) // 2])
    (root / MASKS / "001.png").write_text("no picture")
    Image.fromarray(np.full((64, 96), 9, np.uint8)).save(root / MASKS / "002.png")
    Image.fromarray(np.zeros((10, 20), np.uint8)).save(root / MASKS / "003.png")
    (root / MASKS / "004.png").unlink()
    (root / IMAGES / "006.jpg").write_bytes((root / IMAGES / "005.jpg").read_bytes())
    report = check(root)
    statuses = {check.name: check.status for check in report.checks}
    assert statuses == {
        **dict.fromkeys(["files", "reading", "sizes", "labels"], "ERROR"),
        **dict.fromkeys(["content", "duplicates"], "WARNING"),
        **dict.fromkeys(["channels", "classes", "instances", "splits"], "OK"),
    }
    assert get_check(report, "classes").facts["masks"] == 5


def test_warnings_do_not_fail_the_check(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    (root / IMAGES / "notes.txt").write_text("windy")
    report = check(root)
    assert [check.status for check in report.checks].count("WARNING") == 1
    assert not report.failed


def test_document_is_plain_and_keeps_its_schema(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    (root / IMAGES / "000.jpg").write_text("no picture")
    document = json.loads(json.dumps(check(root).to_dict(), allow_nan=False))
    assert list(document) == ["format", "root", "images", "masks", "failed", "checks"]
    assert (document["format"], document["failed"], document["masks"]) == (1, True, str(root / MASKS))
    for number, (name, entry) in enumerate(zip(CHECKS, document["checks"], strict=True), 1):
        assert list(entry) == ["number", "name", "status", "summary", "findings", "facts"]
        assert (entry["number"], entry["name"]) == (number, name)
    reading = document["checks"][1]
    text = "1 file not readable: fix or remove it"
    assert reading["findings"][0] | {"where": 1} == {"status": "ERROR", "text": text, "where": 1}
    assert str(root / IMAGES / "000.jpg") in reading["findings"][0]["where"][0]
    assert {check["name"]: sorted(check["facts"]) for check in document["checks"]} == {
        "files": ["masks", "pairs", "photographs"],
        "reading": ["files", "unreadable"],
        "sizes": ["sizes"],
        "channels": ["masks", "photographs"],
        "classes": ["classes", "ignored", "masks"],
        "labels": ["unknown"],
        "content": ["empty", "single"],
        "instances": ["things"],
        "duplicates": ["pairs"],
        "splits": ["by", "overlapping", "source", "test", "train", "val"],
    }


def test_dataset_without_pairs_is_refused(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    for i, name in enumerate(NAMES):
        (root / MASKS / f"{name}.png").rename(root / MASKS / f"q{i}q.png")
    with pytest.raises(DataError, match="do not pair"):
        check(root, allow_unpaired=True)


def test_masks_may_have_an_addition_to_their_names(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    for name in NAMES:
        (root / MASKS / f"{name}.png").rename(root / MASKS / f"label_{name}.png")
    report = check(root)
    assert get_check(report, "files").summary == f"{len(NAMES)} photographs with a mask"
    assert not get_check(report, "files").findings


def test_invalid_options_are_refused_at_once(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    with pytest.raises(DataError, match="nowhere does not exist: give the folder"):
        check_dataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match="class table .* does not exist"):
        check(root, classes="nothing.csv")
    with pytest.raises(ConfigError, match="data.mask_encoding=colors: input should be 'auto', 'ids', 'colours' or"):
        check(root, mask_encoding="colors")
    with pytest.raises(DataError, match="class_groups names lawn, not in the class table"):
        check(root, class_groups={"green": ["lawn"]})
