from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import ConfigError
from segdrone.inference import Prediction
from segdrone.inference.inputs import InputImage
from segdrone.inference.manifest import Manifest
from segdrone.inference.outputs import Outputs
from tests.helpers.predictions import contents

SETTINGS: dict[str, Any] = {"segdrone": "1", "predictor": {"checkpoint": "ab" * 32, "scale": 1.0, "window": (4, 4)}}
OTHER: dict[str, Any] = {"segdrone": "1", "predictor": {"checkpoint": "cd" * 32, "scale": 0.5, "window": (4, 4)}}


def image(path: str, name: str | None = None, digest: str = "9") -> InputImage:
    one = InputImage(Path("photos") / path, path, name or path.rpartition(".")[0])
    vars(one)["digest"] = digest
    return one


def run(
    folder: Path,
    *images: InputImage,
    redo: bool = False,
    settings: dict[str, Any] = SETTINGS,
    table: ClassTable = DRONE,
    stop: int = 99,
    **options: Any,
) -> list[str]:
    """Writes outputs as `predict_folder` does, and returns the paths that were not done before."""
    outputs = Outputs(folder, table, **options)
    manifest = Manifest(outputs, settings)
    todo = manifest.begin(images, redo=redo)
    for todo_image in todo[:stop]:
        pixels = np.zeros((2, 3), np.uint8)
        manifest.add(todo_image, outputs.write(todo_image, np.zeros((2, 3, 3), np.uint8), Prediction(pixels, pixels)))
    if stop == 99:
        manifest.finish()
    return [todo_image.path for todo_image in todo]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def rows(folder: Path) -> list[str]:
    return [line.split(",")[0] for line in (folder / "summary.csv").read_text().splitlines()[1:]]


def refusal(folder: Path, *images: InputImage, **options: Any) -> str:
    before = contents(folder)
    with pytest.raises(ConfigError) as caught:
        run(folder, *images, **options)
    assert contents(folder) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_rows_are_sorted_by_path_and_photographs_are_predicted_once(tmp_path: Path) -> None:
    assert run(tmp_path, image("b.jpg"), image("a.jpg")) == ["b.jpg", "a.jpg"]
    assert rows(tmp_path) == ["a.jpg", "b.jpg"]
    assert run(tmp_path, image("a.jpg"), image("aa.jpg")) == ["aa.jpg"]
    assert rows(tmp_path) == ["a.jpg", "aa.jpg", "b.jpg"]


@pytest.mark.parametrize("name", ['co,m"ma', "line\nbreak", " space ", "ü", "\udcff", "="])
def test_any_name_is_recognized(tmp_path: Path, name: str) -> None:
    one = image(f"{name}.jpg")
    assert run(tmp_path, one)
    first = (tmp_path / "summary.csv").read_bytes()
    assert not run(tmp_path, one)
    assert run(tmp_path, one, image("z.jpg")) == ["z.jpg"]
    assert first.partition(b"\n")[2] in (tmp_path / "summary.csv").read_bytes()


def test_settings_are_kept_for_people_to_read(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"))
    assert json.loads((tmp_path / "predict.json").read_text())["predictor"]["window"] == [4, 4]


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"))
    message = refusal(tmp_path, image("b.jpg"), settings=OTHER)
    assert "made with another predictor.checkpoint, predictor.scale 1.0, not 0.5: give another --out" in message
    assert "or --redo to replace them" in message
    message = refusal(tmp_path, image("a.jpg"), settings={"segdrone": "2"})
    assert 'segdrone "1", not "2", another predictor' in message


def test_redo_removes_everything_of_other_settings(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), image("b.jpg"), stop=1)
    (tmp_path / "overlays" / "b.jpg").touch()  # killed before its row
    assert run(tmp_path, image("a.jpg"), image("b.jpg"), settings=OTHER, redo=True, overlays=False, stop=1)
    assert files(tmp_path) == [
        "colours/a.png", "manifest.jsonl", "masks/a.png", "masks/classes.csv", "predict.json", "summary.csv"
    ]  # fmt: skip
    assert run(tmp_path, image("a.jpg"), image("b.jpg"), settings=OTHER, overlays=False) == ["b.jpg"]


def test_redo_may_change_the_classes(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), objects=("car",))
    two = ClassTable(("roof", "grass"), ((0, 0, 0), (1, 1, 1)))
    assert run(tmp_path, image("a.jpg"), table=two, settings=OTHER, redo=True) == ["a.jpg"]
    header, row = (line.split(",") for line in (tmp_path / "summary.csv").read_text().splitlines())
    assert header[-4:] == ["share_roof", "share_grass", "no_data", "captured"]
    assert len(row) == len(header)


def test_redo_with_other_settings_needs_all_photographs(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), image("b.jpg"), image("c.jpg"))
    message = refusal(tmp_path, image("a.jpg"), settings=OTHER, redo=True)
    assert "holds 2 predictions of other photographs, such as masks/b.png, made with" in message


def test_redo_with_the_same_settings_keeps_files_until_they_are_replaced(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), image("b.jpg"))
    before = files(tmp_path)
    assert run(tmp_path, image("a.jpg"), image("b.jpg"), redo=True, stop=0) == ["a.jpg", "b.jpg"]
    assert files(tmp_path) == before
    assert rows(tmp_path) == ["a.jpg", "b.jpg"]


def test_another_photograph_of_the_same_path_is_refused(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), image("b.jpg"))
    message = refusal(tmp_path, image("a.jpg"), image("b.jpg", digest="10"))
    assert "holds the prediction of another b.jpg than photos/b.jpg: give another" in message
    assert run(tmp_path, image("b.jpg", digest="10"), redo=True) == ["b.jpg"]
    assert not run(tmp_path, image("b.jpg", digest="10"))


def test_two_photographs_never_share_a_mask(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"))
    message = refusal(tmp_path, image("a.png"))
    assert "holds masks/a.png, the prediction of a.jpg, which that of photos/a.png would replace" in message
    assert "would replace" in refusal(tmp_path, image("a.png"), redo=True)
    both = image("a.jpg", "a.jpg"), image("a.png", "a.png")
    assert run(tmp_path, *both) == ["a.jpg", "a.png"]
    assert files(tmp_path / "masks") == ["a.jpg.png", "a.png.png", "classes.csv"]
    assert not run(tmp_path, *both)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    assert "holds masks, which segdrone predict did not write: give another --out" in refusal(tmp_path, image("a.jpg"))
    assert "which segdrone predict did not write" in refusal(tmp_path, image("a.jpg"), redo=True)
    for content in ("{a", "[]"):
        (tmp_path / "predict.json").write_text(content)
        assert "predict.json was not written by segdrone predict" in refusal(tmp_path, image("a.jpg"))


@pytest.mark.parametrize("change", [("share_dirt", "dirt"), (",", ";"), (",\n", ",,1\n"), ("path", "")])
def test_a_summary_that_another_program_changed_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    run(tmp_path, image("a.jpg"))
    text = (tmp_path / "summary.csv").read_text()
    (tmp_path / "summary.csv").write_text(text.replace(*change))
    message = refusal(tmp_path, image("a.jpg"))
    assert message == f"{tmp_path}/summary.csv was changed by another program: move it, and it is written again"
    (tmp_path / "summary.csv").rename(tmp_path / "mine.csv")
    assert run(tmp_path, image("a.jpg")) == []
    assert (tmp_path / "summary.csv").read_text() == text


def test_dropping_a_photograph_removes_its_row_and_files(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), image("b.jpg"))
    manifest = Manifest(Outputs(tmp_path, DRONE), SETTINGS)
    manifest.drop(image("a.jpg"))
    manifest.drop(image("never.jpg"))
    assert rows(tmp_path) == ["b.jpg"]
    assert not [name for name in files(tmp_path) if "a." in name.rpartition("/")[2]]


def test_temporary_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    run(tmp_path, image("sub/a.jpg"))
    before = files(tmp_path)
    partials = [".predict.0123abcd.part.json", ".summary.89abcdef.part.csv", "masks/.b.0123abcd.part.png",
              "objects/sub/.a.0123abcd.part.json"]  # fmt: skip
    for partial in [*partials, "notes.part.json", "masks/.mine.png"]:
        (tmp_path / partial).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / partial).touch()
    assert not run(tmp_path, image("sub/a.jpg"))
    assert files(tmp_path) == sorted([*before, "notes.part.json", "masks/.mine.png"])


ALL: dict[str, Any] = {"confidence": True, "objects": ("car",)}
KINDS = ["masks/a.png", "colours/a.png", "overlays/a.jpg", "confidence/a.png", "objects/a.json"]


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
