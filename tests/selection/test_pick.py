from __future__ import annotations

import csv
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import ConfigError, DataError
from segdrone.inference.inputs import find_inputs
from segdrone.selection.pick import PickSummary, pick_photographs
from segdrone.selection.scores import score_photograph
from tests.helpers.picking import predictor, write_pool
from tests.helpers.small_dataset import photograph, write_set

pytestmark = pytest.mark.usefixtures("undrawn")


def pick(pool: Path, out: Path, count: int = 3, **options: Any) -> PickSummary:
    return pick_photographs(predictor(), find_inputs([pool], out), out, count=count, progress=False, **options)


def names(summary: PickSummary) -> list[str]:
    return [pick.image.name for pick in summary.picks]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    return write_pool(tmp_path / "pool", range(12))


@pytest.mark.parametrize("by", ["margin", "entropy", "rare"])
def test_the_least_certain_ones_are_a_shortlist(pool: Path, tmp_path: Path, by: str) -> None:
    found = pick(pool, tmp_path / "out", 2, by=by)
    assert found.candidates == 12
    assert len(found.picks) == 2
    assert {*names(found)} <= {f"{seed:02d}" for seed in range(6, 12)}  # half of all, the faded ones
    scores = [pick.scores[by] for pick in found.picks]
    assert min(scores) > 0


@pytest.mark.drawn
def test_files_say_what_was_picked(pool: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = pick(pool, out, 3)
    rows = list(csv.DictReader((out / "picked.csv").open()))
    assert [row["photograph"] for row in rows] == [f"{name}.png" for name in names(found)]
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert all(0 < float(row["margin"]) <= 1 and 0 < float(row["entropy"]) <= 1 for row in rows)
    assert [row["disagreement"] for row in rows] == [""] * 3
    assert "of 12 by margin, mostly about " in rows[0]["reason"]
    assert (out / "picked.txt").read_text().split() == names(found)
    sheet = np.asarray(Image.open(out / "contact_sheet.png"))
    assert min(sheet.shape[:2]) > 300
    assert find_inputs([tmp_path], tmp_path / "other")[0].path.startswith("pool/")  # not the sheet


def test_what_is_labeled_is_not_picked_again(pool: Path, tmp_path: Path) -> None:
    labeled = write_set(tmp_path / "labeled")
    shutil.copyfile(pool / "11.png", labeled / "images" / "000.png")  # under another name
    (labeled / "images" / "000.jpg").unlink()
    Image.open(pool / "10.png").resize((90, 60)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        labeled / "images" / "extra.jpg"
    )
    shutil.copyfile(labeled / "masks" / "000.png", labeled / "masks" / "extra.png")
    Image.open(labeled / "masks" / "extra.png").resize((90, 60)).save(labeled / "masks" / "extra.png")
    found = pick(pool, tmp_path / "out", 20, labeled=labeled)
    assert found.labeled == ["10", "11"]
    assert not {"10", "11"} & {*names(found)}
    assert len(found.picks) == found.candidates == 12 - len(found.labeled)
    assert found.lines(20, Path("out"))[1].startswith(f"{len(found.picks)} are picked, all that there are")
    assert all(np.isfinite(pick.scores["distance"]) for pick in found.picks)


@pytest.mark.parametrize("name", ["roof", "pond"])
def test_what_is_labeled_and_in_no_list_is_not_picked_again(pool: Path, tmp_path: Path, name: str) -> None:
    labeled = write_set(tmp_path / "labeled")
    (labeled / "classes.csv").write_text(f"name,r,g,b\ngrass,0,255,0\nroad,90,90,90\n{name},255,0,0\n")
    (labeled / "train.txt").write_text("".join(f"{i:03d}.jpg\n" for i in range(1, 6)))
    (labeled / "val.txt").write_text("006.jpg\n007.jpg\n")
    shutil.copyfile(pool / "11.png", labeled / "images" / "000.png")
    (labeled / "images" / "000.jpg").unlink()
    assert pick(pool, tmp_path / "out", 3, labeled=labeled).labeled == ["11"]


def test_near_duplicates_are_picked_once(pool: Path, tmp_path: Path) -> None:
    Image.open(pool / "11.png").transpose(Image.Transpose.ROTATE_90).save(pool / "11_again.jpg", quality=80)
    found = pick(pool, tmp_path / "out", 20)
    assert found.candidates == 13
    assert len({*names(found)} & {"11", "11_again"}) == 1
    assert "near duplicates of these" in found.lines(20, Path("out"))[0]


def test_unreadable_photographs_are_named_and_skipped(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pool / "11.png").write_bytes((pool / "11.png").read_bytes()[:600])
    (pool / "broken.jpg").write_bytes(b"no image")
    Image.fromarray(np.full((64, 96), 2000, np.uint16)).save(pool / "deep.png")
    found = pick_photographs(predictor(), find_inputs([pool], tmp_path / "out"), tmp_path / "out", count=2)
    assert {*found.failed} == {"11.png", "broken.jpg", "deep.png"}
    assert "not 8 bits per channel: convert it to 8-bit RGB" in found.failed["deep.png"]
    assert {*names(found)} <= {f"{seed:02d}" for seed in range(11)}
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3


def test_windows_are_picked(pool: Path, tmp_path: Path) -> None:
    found = pick(pool, tmp_path / "out", 5, window=(32, 48))
    assert found.candidates == 12 * 4
    rows = list(csv.DictReader((tmp_path / "out" / "picked.csv").open()))
    assert {row["window"] for row in rows} <= {"48x32+0+0", "48x32+48+0", "48x32+0+32", "48x32+48+32"}
    text = (tmp_path / "out" / "picked.txt").read_text().split()
    assert len(text) == len({*text}) == len({*names(found)})


def test_an_interrupted_command_continues(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def stop(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return score_photograph(*arguments, **options)

    monkeypatch.setattr("segdrone.selection.pick.score_photograph", stop)
    with pytest.raises(KeyboardInterrupt):
        pick(pool, tmp_path / "out")
    assert not (tmp_path / "out" / "picked.csv").exists()
    (next((tmp_path / "out" / ".scores").iterdir())).write_bytes(b"damaged")
    found = pick(pool, tmp_path / "out")
    assert len(calls) == 6 + 12 - 5 + 1
    assert names(found) == names(pick(pool, tmp_path / "fresh"))


def test_other_options_do_not_replace_picks(pool: Path, tmp_path: Path) -> None:
    pick(pool, tmp_path / "out")
    with pytest.raises(ConfigError, match="holds results of segdrone data pick with other options"):
        pick(pool, tmp_path / "out", 4)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "picked.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"picked\.csv was not written by segdrone data pick"):
        pick(pool, tmp_path / "theirs")
    assert (tmp_path / "theirs" / "picked.csv").read_text() == "mine"
    assert json.loads((tmp_path / "out" / "pick.json").read_text())["count"] == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"count": 0}, "--count 0 must be 1 or more"),
        ({"by": "luck"}, "--by luck is unknown: choose one of margin, entropy, disagreement, rare"),
        ({"window": (0, 5)}, "--window must have sides"),
        ({"labeled": Path("missing")}, "missing"),
    ],
)
def test_mistakes_are_refused(pool: Path, tmp_path: Path, options: dict[str, Any], expected: str) -> None:
    with pytest.raises((ConfigError, DataError), match=expected):
        pick(pool, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_classes_are_compared(pool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labeled = write_set(tmp_path / "labeled")
    (labeled / "classes.csv").write_text("name,r,g,b\ngrass,0,255,0\nroad,90,90,90\npond,255,0,0\n")
    with caplog.at_level(logging.WARNING):
        pick(pool, tmp_path / "out", labeled=labeled)
    assert "has classes that the model lacks, such as pond: it is only used to leave out" in caplog.text
    with pytest.raises(DataError, match="rare classes cannot be counted in masks of other classes"):
        pick(pool, tmp_path / "rare", labeled=labeled, by="rare")


def test_rare_classes_are_counted_in_the_masks(pool: Path, tmp_path: Path) -> None:
    labeled = write_set(tmp_path / "labeled")
    for mask in (labeled / "masks").iterdir():
        ids = np.zeros((64, 96), np.uint8)
        ids[0, 0] = 1
        Image.fromarray(ids).save(mask)
    few = write_pool(tmp_path / "few", range(2))
    found, alone = (
        {one.image.name: one.scores["rare"] for one in pick(few, tmp_path / out, by="rare", labeled=dataset).picks}
        for out, dataset in (("out", labeled), ("alone", None))
    )
    assert found.keys() == alone.keys() == {"00", "01"}
    assert abs(found["00"] / alone["00"] - 1) > 0.005


def test_nothing_left_is_said(tmp_path: Path) -> None:
    labeled = write_set(tmp_path / "labeled")
    pool = tmp_path / "pool"
    pool.mkdir()
    Image.fromarray(photograph(0)).save(pool / "a.png")
    with pytest.raises(DataError, match="none of 1 photographs is left to choose from: 1 are labeled"):
        pick(pool, tmp_path / "out", labeled=labeled)
