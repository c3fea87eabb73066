"""Rows, settings and names of a folder of predictions: what is done, refused and replaced."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import DataError
from segdrone.inference.manifest import Manifest
from segdrone.inference.outputs import SUMMARY_VERSION, Outputs
from tests.helpers.prediction_folder import OTHER, SETTINGS, files, image, refusal, rows, run
from tests.helpers.predictions import contents


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


def test_redo_leaves_no_empty_folders_of_what_is_not_written_now(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), image("sub/b.jpg"), confidence=True, regions=True)
    (tmp_path / "regions" / "mine.txt").touch()
    assert run(tmp_path, image("a.jpg"), image("sub/b.jpg"), settings=OTHER, redo=True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        "colours", "masks", "overlays", "regions",
    ]  # fmt: skip
    assert files(tmp_path / "regions") == ["mine.txt"]


def test_redo_may_change_the_classes(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"), objects=("car",))
    two = ClassTable(("roof", "grass"), ((0, 0, 0), (1, 1, 1)))
    assert run(tmp_path, image("a.jpg"), table=two, settings=OTHER, redo=True) == ["a.jpg"]
    header, row = (line.split(",") for line in (tmp_path / "summary.csv").read_text().splitlines())
    shares = header.index("share_roof")
    assert header[shares : shares + 4] == ["share_roof", "share_grass", "no_data", "captured"]
    assert header[-2:] == ["confidence_roof", "confidence_grass"]
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


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_another_photograph_is_refused_also_where_a_file_was_changed_or_removed(tmp_path: Path, how: str) -> None:
    run(tmp_path, image("b.jpg"))
    if how == "changed":
        Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "masks" / "b.png")
    else:
        (tmp_path / "overlays" / "b.jpg").unlink()
    assert "holds the prediction of another b.jpg" in refusal(tmp_path, image("b.jpg", digest="10"))
    (tmp_path / "masks" / "b.png").unlink()  # nothing is left to lose
    assert run(tmp_path, image("b.jpg", digest="10")) == ["b.jpg"]


def test_a_changed_mask_stays_where_its_photograph_cannot_be_read(tmp_path: Path) -> None:
    run(tmp_path, image("b.jpg"))
    Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "masks" / "b.png")
    before = contents(tmp_path)
    with pytest.raises(DataError, match="cannot be read: change its permissions; its prediction stays as it is"):
        run(tmp_path, image("b.jpg", digest=""))
    assert contents(tmp_path) == before


def test_two_photographs_never_share_a_mask(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"))
    message = refusal(tmp_path, image("a.png"))
    assert "holds masks/a.png, the prediction of a.jpg, which that of photos/a.png would replace" in message
    assert "would replace" in refusal(tmp_path, image("a.png"), redo=True)
    both = image("a.jpg", "a.jpg"), image("a.png", "a.png")
    assert run(tmp_path, *both) == ["a.jpg", "a.png"]
    assert files(tmp_path / "masks") == ["a.jpg.png", "a.png.png", "classes.csv"]
    assert not run(tmp_path, *both)


def test_a_changed_mask_is_kept_where_another_photograph_gives_it_a_new_name(tmp_path: Path) -> None:
    run(tmp_path, image("a.jpg"))
    changed = np.ones((2, 3), np.uint8)
    Image.fromarray(changed).save(tmp_path / "masks" / "a.png")
    assert run(tmp_path, image("a.jpg", "a.jpg"), image("a.png", "a.png")) == ["a.jpg", "a.png"]
    assert files(tmp_path / "masks") == ["a.jpg.png", "a.png.png", "classes.csv"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "changed" / "a-1.png")), changed)


def test_a_photograph_of_an_earlier_call_by_another_path_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, image("a.jpg", digest="1"), image("b.jpg", digest="2"))
    run(tmp_path, image("copy.jpg", digest="4"), image("copy of copy.jpg", digest="4"), image("c.jpg", digest="5"))
    assert caplog.text == ""
    run(tmp_path, image("day/a.jpg", digest="1"), image("day/b.jpg", digest="2"), image("day/d.jpg", digest="3"))
    assert (
        f"2 photographs are in {tmp_path} by two paths, such as day/a.jpg and, from an earlier call, a.jpg"
        in caplog.text
    )
    assert "both count in totals.csv; give the same INPUT as then" in caplog.text


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


@pytest.mark.parametrize(
    ("version", "end", "start"),
    [(None, "captured", None), (2, "captured", "gsd_uncertainty")],
    ids=["without statistics", "without the area of the ground"],
)
def test_a_folder_of_an_older_version_asks_for_redo(
    tmp_path: Path, version: int | None, end: str, start: str | None
) -> None:
    old = {**SETTINGS, "outputs": {"colours": True} | ({} if version is None else {"summary_version": version})}
    new = {**SETTINGS, "outputs": {"colours": True, "summary_version": SUMMARY_VERSION}}
    run(tmp_path, image("a.jpg"), settings=old)
    header, row = (line.split(",") for line in (tmp_path / "summary.csv").read_text().splitlines())
    cut = header.index(end) + 1
    again = len(header) if start is None else header.index(start) + 1
    lines = (",".join([*cells[:cut], *cells[again:]]) + "\n" for cells in (header, row))
    (tmp_path / "summary.csv").write_text("".join(lines))
    message = refusal(tmp_path, image("a.jpg"), settings=new)
    was = "null" if version is None else version
    assert (
        f"made with outputs.summary_version {was}, not {SUMMARY_VERSION}: give another --out, or --redo to replace them"
        in message
    )
    assert run(tmp_path, image("a.jpg"), settings=new, redo=True) == ["a.jpg"]
    assert run(tmp_path, image("a.jpg"), settings=new) == []
