"""Folders of predictions whose files, tables or records are damaged or lost."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers.prediction_folder import OTHER, image, refusal, run
from tests.helpers.predictions import contents

ALL: dict[str, Any] = {"confidence": True, "regions": True, "objects": ("car",)}
KINDS = ["masks/a.png", "colours/a.png", "overlays/a.jpg", "confidence/a.png", "regions/a.geojson", "objects/a.json"]


def _spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "removed":
        path.unlink()
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        half = len(content) // 2
        path.write_bytes(
            {"empty": b"", "half": content[:half], "zeros": content[:half] + bytes(len(content) - half),
             "longer": content + b"x", "other": content[:half] + b"!" + content[half + 1 :]}[how]
        )  # fmt: skip


@pytest.mark.parametrize("how", ["removed", "folder", "pipe", "empty", "half", "zeros", "longer", "other"])
def test_every_spoilt_file_is_made_again(tmp_path: Path, how: str) -> None:
    run(tmp_path, image("a.jpg"), image("b.jpg"), **ALL)
    before = contents(tmp_path)
    for name in KINDS:
        times = (tmp_path / name).stat()
        _spoil(tmp_path / name, how)
        if how == "other":
            os.utime(tmp_path / name, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert run(tmp_path, image("a.jpg"), image("b.jpg"), **ALL) == ["a.jpg"], name
        assert contents(tmp_path) == before
    assert run(tmp_path, image("a.jpg"), image("b.jpg"), **ALL) == []


def test_a_folder_with_files_in_the_place_of_a_file_stays(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"))
    (tmp_path / "masks" / "a.png").unlink()
    (tmp_path / "masks" / "a.png").mkdir()
    (tmp_path / "masks" / "a.png" / "mine.txt").write_text("mine")
    for redo in (False, True):
        message = refusal(tmp_path, image("a.jpg"), redo=redo)
        assert f"{tmp_path}/masks/a.png is a folder with files, where a file is to be written: move it" in message
    (tmp_path / "masks" / "a.png").rename(tmp_path / "mine")
    (tmp_path / "overlays" / "sub").write_text("mine")
    message = refusal(tmp_path, image("sub/b.jpg"))
    assert message.startswith(f"{tmp_path}/overlays/sub is a file where predictions need a folder: move it")
    assert run(tmp_path, image("a.jpg")) == ["a.jpg"]


@pytest.mark.parametrize("how", ["removed", "empty", "half", "zeros", "folder"])
def test_a_summary_that_is_damaged_or_lost_is_written_again(tmp_path: Path, how: str) -> None:
    run(tmp_path, image("a.jpg"), image("b.jpg"))
    before = contents(tmp_path)
    _spoil(tmp_path / "summary.csv", how)
    assert run(tmp_path, image("a.jpg"), image("b.jpg")) == []
    assert contents(tmp_path) == before


@pytest.mark.parametrize("how", ["removed", "empty", "half", "zeros", "longer", "folder"])
@pytest.mark.parametrize("name", ["predict.json", "manifest.jsonl", "summary.csv"])
def test_redo_repairs_whatever_it_finds(tmp_path: Path, name: str, how: str) -> None:
    images = image("a.jpg"), image("b.jpg")
    run(tmp_path, *images)
    before = contents(tmp_path)
    _spoil(tmp_path / name, how)
    if name == "predict.json":
        assert "whose settings are lost (predict.json is missing or damaged): give" in refusal(tmp_path, *images)
    assert run(tmp_path, *images, redo=True) == ["a.jpg", "b.jpg"]
    assert run(tmp_path, *images) == []
    assert contents(tmp_path) == before


def test_redo_repairs_a_folder_in_which_every_file_is_empty(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), **ALL)
    before = contents(tmp_path)
    for path in tmp_path.rglob("*.*"):
        path.write_bytes(b"")
    assert run(tmp_path, image("a.jpg"), redo=True, **ALL) == ["a.jpg"]
    assert contents(tmp_path) == before


def test_lost_settings_are_not_replaced_where_masks_of_others_would_stay(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), image("b.jpg"))
    (tmp_path / "predict.json").write_text("{")
    (tmp_path / "manifest.jsonl").unlink()
    message = refusal(tmp_path, image("a.jpg"), redo=True)
    assert "holds 1 predictions of other photographs, such as masks/b.png, whose settings are lost" in message


def test_predictions_without_a_manifest_need_redo(tmp_path: Path) -> None:
    """As of the first version, whose digests of photographs were shorter."""
    run(tmp_path, image("a.jpg"), image("b.jpg", digest="old"))
    (tmp_path / "manifest.jsonl").unlink()
    message = refusal(tmp_path, image("a.jpg"))
    assert "holds predictions without manifest.jsonl" in message and "--redo to predict them again" in message
    assert run(tmp_path, image("a.jpg"), image("b.jpg"), redo=True) == ["a.jpg", "b.jpg"]
    assert run(tmp_path, image("a.jpg"), image("b.jpg")) == []


RECORD = '{"row": {"path": "b.jpg", "mask": "masks/b.png"}, "files": {}}\n'


@pytest.mark.parametrize(
    "line",
    ["\n", "null\n", "[]\n", "{}\n", "[" * 5000 + "\n", '{"row": [], "files": []}\n', '{"row": 1', "\0" * 5000, "ü\n",
     RECORD, RECORD.replace('"b.jpg"', "5"), RECORD.replace("masks/b", "masks/../../b"),
     RECORD.replace("{}", '{"a": 1}'), "x" * 3_000_000],
    ids=range(14),
)  # fmt: skip
def test_lines_that_are_no_records_are_passed_over(tmp_path: Path, line: str) -> None:
    run(tmp_path, image("a.jpg"))
    before = contents(tmp_path)
    for text in (line + before["manifest.jsonl"].decode(), before["manifest.jsonl"].decode() + line):
        (tmp_path / "manifest.jsonl").write_text(text)
        assert run(tmp_path, image("a.jpg")) in ([], ["a.jpg"])
        assert contents(tmp_path) == before
    (tmp_path / "manifest.jsonl").write_text(line + before["manifest.jsonl"].decode())
    assert run(tmp_path, image("a.jpg"), image("b.jpg")) in (["b.jpg"], ["a.jpg", "b.jpg"])


def test_records_with_other_cells_or_files_are_not_done(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"))
    whole = contents(tmp_path)
    record = json.loads(whole["manifest.jsonl"])
    files = record["files"]
    changes: list[dict[str, Any]] = [
        {"row": {**record["row"], "height": "tall"}}, {"row": {**record["row"], "share_car": "nan"}},
        {"row": {**record["row"], "more": "1"}}, {"files": {}}, {"files": {**files, "masks/a.png": None}},
        {"files": {**files, "masks/a.png": []}}, {"files": {**files, "masks/a.png": [1e999, 5]}},
        {"files": {**files, "more": [1, ""]}},
    ]  # fmt: skip
    for change in changes:
        (tmp_path / "manifest.jsonl").write_text(json.dumps({**record, **change}, allow_nan=True) + "\n")
        (tmp_path / "summary.csv").unlink()
        assert run(tmp_path, image("a.jpg")) == ["a.jpg"], change
        assert contents(tmp_path) == whole


def test_a_hostile_manifest_removes_nothing_outside_of_the_folder(tmp_path: Path) -> None:
    out, precious = tmp_path / "out", tmp_path / "precious.png"
    precious.write_text("mine")
    run(out, image("a.jpg"))
    record = json.loads((out / "manifest.jsonl").read_text())
    for mask in ("masks/../../precious.png", f"{tmp_path}/precious.png", "masks/sub/../../../precious.png"):
        record["row"]["mask"] = mask
        (out / "manifest.jsonl").write_text(json.dumps(record) + "\n")
        run(out, image("a.jpg"), redo=True, settings=OTHER)
        run(out, image("a.jpg"), redo=True)
        assert precious.read_text() == "mine"


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_power_cut_loses_only_what_was_not_flushed(tmp_path: Path, stop: int) -> None:
    images = image("a.jpg"), image("b.jpg"), image("c.jpg")
    run(tmp_path / "whole", *images, **ALL)
    run(tmp_path / "out", *images, stop=stop, **ALL)
    if stop:  # empty files with the names of the last photograph, half of its line, a summary of zeros
        name = "ab"[stop - 1]
        for path in (tmp_path / "out").rglob(f"{name}.*"):
            path.write_bytes(b"")
        with (tmp_path / "out" / "manifest.jsonl").open("r+b") as file:
            file.truncate(file.seek(0, os.SEEK_END) - 40)
        (tmp_path / "out" / "summary.csv").write_bytes(bytes(500))
    assert run(tmp_path / "out", *images, **ALL) == [one.path for one in images[max(0, stop - 1) :]]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_mask_that_somebody_changed_is_kept_beside_the_one_that_is_predicted_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, image("a.jpg"), image("sub/b.jpg"))
    before = contents(tmp_path)
    for number, name in [(1, "a"), (2, "a"), (1, "sub/b")]:
        mask = np.full((2, 3), number, np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
        assert run(tmp_path, image("a.jpg"), image("sub/b.jpg")) == [f"{name}.jpg"]
        kept = tmp_path / "changed" / f"{name}-{number}.png"
        assert np.array_equal(np.asarray(Image.open(kept)), mask)
        assert f"{name}.jpg was changed after it was predicted: the changed one is now {kept}" in caplog.text
    after = contents(tmp_path)
    assert {name: content for name, content in after.items() if not name.startswith("changed/")} == before
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    run(tmp_path, image("a.jpg"), image("sub/b.jpg"), redo=True)
    assert contents(tmp_path) == after
