from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from segdrone.audit import Audit, audit
from segdrone.audit.report import COLUMNS, print_summary, write_csv
from segdrone.audit.sheet import draw_first
from segdrone.errors import ConfigError, DataError
from tests.helpers.audited import NAMES, WRONG, write_dataset, write_judge


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("audit")
    judges = [write_judge(folder / "a.npz", NAMES[:6]), write_judge(folder / "b.npz", NAMES[6:])]
    return audit(write_dataset(folder / "dataset"), judges)


def test_the_wrong_label_comes_first(found: Audit, tmp_path: Path) -> None:
    write_csv(found, tmp_path / "audit.csv")
    with (tmp_path / "audit.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == len(found.labels) and tuple(rows[0]) == COLUMNS
    assert [rows[0][key] for key in ("rank", "photograph", "left", "top")] == ["1", WRONG, "0", "0"]
    assert (rows[0]["class"], rows[0]["suggested"]) == ("road", "grass")
    assert float(rows[0]["score"]) < 0.05 < float(rows[1]["score"])
    assert (np.diff(found.scores) >= 0).all()


def test_all_labeled_pixels_of_all_photographs_are_judged(found: Audit) -> None:
    assert {*found.photographs.tolist()} == {*range(len(NAMES))}
    assert found.areas.sum() == len(NAMES) * 48 * 72


def test_the_sheet_shows_the_first_regions(found: Audit) -> None:
    figure = draw_first(found, 3)
    texts = [text.get_text() for text in figure.texts]
    assert texts[0].startswith(f"The first 3 of {len(found.labels)}") and len(texts) == 4
    assert texts[1] == f"1: {WRONG}: road, grass"
    assert len(figure.images) == 3


def test_the_summary_names_the_first_region(found: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(found)
    text = capsys.readouterr().out
    assert f"{len(found.labels)} labeled regions of 12 photographs" in text and WRONG in text


def test_a_narrow_console_cuts_no_name(
    found: Audit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "64")
    long = [replace(pair, id=f"DJI_20260101_flight_{pair.id}_of_the_northern_field") for pair in found.pairs]
    print_summary(replace(found, pairs=long))
    cells = [line.split("│")[2].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert long[found.photographs[0]].id in "".join(cells)


def test_numbered_things_are_judged_one_by_one(tmp_path: Path) -> None:
    root, judge = write_dataset(tmp_path / "dataset"), write_judge(tmp_path / "a.npz")
    plain = audit(root, [judge])
    (root / "instances").mkdir()
    for name in NAMES:
        numbers = np.zeros((48, 72), np.uint16)
        numbers[:, 36:] = 1
        cv2.imwrite(str(root / "instances" / f"{name}.png"), numbers)
    apart = audit(root, [judge])
    assert len(apart.labels) > len(plain.labels) and apart.areas.sum() == plain.areas.sum()
    assert len(draw_first(apart, 2).images) == 2


def test_things_in_one_box_are_all_drawn(tmp_path: Path) -> None:
    root, judge = write_dataset(tmp_path / "dataset"), write_judge(tmp_path / "a.npz")
    (root / "instances").mkdir()
    stripes = np.indices((48, 72)).sum(0).astype(np.uint16) % 2 + 1
    for name in NAMES:
        cv2.imwrite(str(root / "instances" / f"{name}.png"), stripes)
    found = audit(root, [judge])
    assert len(draw_first(found, 30).images) == 30


def test_bad_input_is_refused(tmp_path: Path) -> None:
    root, judge = write_dataset(tmp_path / "dataset"), write_judge(tmp_path / "a.npz")
    with pytest.raises(ConfigError, match="--min-area 0 must be 1 or more"):
        audit(root, [judge], min_area=0)
    with pytest.raises(DataError, match="give a smaller --min-area"):
        audit(root, [judge], min_area=5000)
    (root / "classes.csv").write_text("name,r,g,b\ngrass,0,102,0\nroof,70,70,70\nwater,1,2,3\n")
    with pytest.raises(DataError, match="lack water"):
        audit(root, [judge])
