from __future__ import annotations

import json
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

SETTINGS: dict[str, Any] = {"segdrone": "1", "predictor": {"checkpoint": "ab" * 32, "scale": 1.0, "window": (4, 4)}}
OTHER: dict[str, Any] = {"segdrone": "1", "predictor": {"checkpoint": "cd" * 32, "scale": 0.5, "window": (4, 4)}}


def source(path: str, name: str | None = None, digest: str = "9") -> InputImage:
    return InputImage(Path("photos") / path, path, name or path.rpartition(".")[0], digest)


def run(
    folder: Path,
    *sources: InputImage,
    redo: bool = False,
    settings: dict[str, Any] = SETTINGS,
    table: ClassTable = DRONE,
    stop: int = 99,
    **asked: Any,
) -> list[str]:
    """Predicts as `predict_folder` does, and returns the paths that were not done yet."""
    outputs = Outputs(folder, table, **asked)
    record = Manifest(outputs, settings)
    todo = record.begin(sources, redo=redo)
    for one in todo[:stop]:
        pixels = np.zeros((2, 3), np.uint8)
        record.add(outputs.write(one, np.zeros((2, 3, 3), np.uint8), Prediction(pixels, pixels)))
    return [one.path for one in todo]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def rows(folder: Path) -> list[str]:
    return [line.split(",")[0] for line in (folder / "summary.csv").read_text().splitlines()[1:]]


def refusal(folder: Path, *sources: InputImage, **options: Any) -> str:
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    with pytest.raises(ConfigError) as told:
        run(folder, *sources, **options)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before
    assert "\n" not in str(told.value)
    return str(told.value)


def test_rows_stand_in_order_of_path_and_are_not_done_twice(tmp_path: Path) -> None:
    assert run(tmp_path, source("b.jpg"), source("a.jpg")) == ["b.jpg", "a.jpg"]
    assert rows(tmp_path) == ["a.jpg", "b.jpg"]
    assert run(tmp_path, source("a.jpg"), source("aa.jpg")) == ["aa.jpg"]
    assert rows(tmp_path) == ["a.jpg", "aa.jpg", "b.jpg"]


@pytest.mark.parametrize("name", ['co,m"ma', "line\nbreak", " space ", "ü", "\udcff", "="])
def test_any_name_is_known_again(tmp_path: Path, name: str) -> None:
    one = source(f"{name}.jpg")
    assert run(tmp_path, one)
    first = (tmp_path / "summary.csv").read_bytes()
    assert not run(tmp_path, one)
    assert run(tmp_path, one, source("z.jpg")) == ["z.jpg"]
    assert first.partition(b"\n")[2] in (tmp_path / "summary.csv").read_bytes()


def test_settings_are_kept_for_people_to_read(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"))
    assert json.loads((tmp_path / "predict.json").read_text())["predictor"]["window"] == [4, 4]


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"))
    told = refusal(tmp_path, source("b.jpg"), settings=OTHER)
    assert "made with another predictor.checkpoint, predictor.scale 1.0, not 0.5: give another --out" in told
    assert "or --redo to replace them" in told
    told = refusal(tmp_path, source("a.jpg"), settings={"segdrone": "2"})
    assert 'segdrone "1", not "2", another predictor' in told


def test_redo_leaves_nothing_of_other_settings(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"), source("b.jpg"), stop=1)
    (tmp_path / "overlays" / "b.jpg").touch()  # killed before its row
    assert run(tmp_path, source("a.jpg"), source("b.jpg"), settings=OTHER, redo=True, overlays=False, stop=1)
    assert files(tmp_path) == ["colours/a.png", "masks/a.png", "predict.json", "summary.csv"]
    assert run(tmp_path, source("a.jpg"), source("b.jpg"), settings=OTHER, overlays=False) == ["b.jpg"]


def test_redo_may_change_the_classes(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"), objects=("car",))
    two = ClassTable(("roof", "grass"), ((0, 0, 0), (1, 1, 1)))
    assert run(tmp_path, source("a.jpg"), table=two, settings=OTHER, redo=True) == ["a.jpg"]
    header, row = (line.split(",") for line in (tmp_path / "summary.csv").read_text().splitlines())
    assert header[-2:] == ["share_roof", "share_grass"]
    assert len(row) == len(header)


def test_redo_with_other_settings_wants_all_photographs(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"), source("b.jpg"), source("c.jpg"))
    told = refusal(tmp_path, source("a.jpg"), settings=OTHER, redo=True)
    assert "holds 2 predictions of other photographs, such as b.jpg, made with" in told


def test_redo_with_the_same_settings_keeps_what_is_not_replaced_yet(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"), source("b.jpg"))
    before = files(tmp_path)
    assert run(tmp_path, source("a.jpg"), source("b.jpg"), redo=True, stop=0) == ["a.jpg", "b.jpg"]
    assert files(tmp_path) == before
    assert rows(tmp_path) == ["a.jpg", "b.jpg"]


def test_another_photograph_of_the_same_path_is_refused(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"), source("b.jpg"))
    told = refusal(tmp_path, source("a.jpg"), source("b.jpg", digest="10"))
    assert "holds the prediction of another b.jpg than photos/b.jpg: give another" in told
    assert run(tmp_path, source("b.jpg", digest="10"), redo=True) == ["b.jpg"]
    assert not run(tmp_path, source("b.jpg", digest="10"))


def test_two_photographs_never_share_a_mask(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"))
    told = refusal(tmp_path, source("a.png"))
    assert "holds masks/a.png, the prediction of a.jpg, which that of photos/a.png would replace" in told
    assert "would replace" in refusal(tmp_path, source("a.png"), redo=True)
    both = source("a.jpg", "a.jpg"), source("a.png", "a.png")
    assert run(tmp_path, *both) == ["a.jpg", "a.png"]
    assert files(tmp_path / "masks") == ["a.jpg.png", "a.png.png"]
    assert not run(tmp_path, *both)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    assert "holds masks that is not of segdrone predict: give another --out" in refusal(tmp_path, source("a.jpg"))
    assert "that is not of" in refusal(tmp_path, source("a.jpg"), redo=True)
    for content in ("{", "[]"):
        (tmp_path / "predict.json").write_text(content)
        assert "predict.json is not what segdrone predict wrote" in refusal(tmp_path, source("a.jpg"))


@pytest.mark.parametrize("change", [("share_dirt", "dirt"), (",", ";"), ("0.000000\n", "0.000000,1\n"), ("path", "")])
def test_a_summary_that_another_program_changed_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    run(tmp_path, source("a.jpg"))
    text = (tmp_path / "summary.csv").read_text()
    (tmp_path / "summary.csv").write_text(text.replace(*change))
    assert "summary.csv was changed by another program" in refusal(tmp_path, source("a.jpg"))


def test_a_dropped_photograph_leaves_neither_row_nor_files(tmp_path: Path) -> None:
    run(tmp_path, source("a.jpg"), source("b.jpg"))
    record = Manifest(Outputs(tmp_path, DRONE), SETTINGS)
    record.drop(source("a.jpg"))
    record.drop(source("never.jpg"))
    assert rows(tmp_path) == ["b.jpg"]
    assert not [name for name in files(tmp_path) if "a." in name.rpartition("/")[2]]


def test_halves_of_a_killed_run_go_and_those_of_others_stay(tmp_path: Path) -> None:
    run(tmp_path, source("sub/a.jpg"))
    before = files(tmp_path)
    halves = [".predict.0123abcd.part.json", ".summary.89abcdef.part.csv", "masks/.b.0123abcd.part.png",
              "objects/sub/.a.0123abcd.part.json"]  # fmt: skip
    for half in [*halves, ".metrics.0123abcd.part.json"]:
        (tmp_path / half).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / half).touch()
    assert not run(tmp_path, source("sub/a.jpg"))
    assert files(tmp_path) == sorted([*before, ".metrics.0123abcd.part.json"])
