from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from segdrone.cli.data import commands
from segdrone.cli.main import app
from segdrone.data.class_weights import STATS_FILE
from tests.annotations.corrections.conftest import (
    ALL_SOIL,
    CORRECTED,
    SIZE,
    box,
    corrected_mask,
    correction,
    dataset,
    fixed,
    read,
    write_photograph,
)

__all__ = ["dataset", "fixed"]


def run(*arguments: object) -> str:
    result = CliRunner().invoke(commands, ["import", *map(str, arguments), "-q"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    monkeypatch.setattr(sys, "argv", ["segdrone", "data", "import", *map(str, arguments), "-q"])
    with pytest.raises(SystemExit) as end:
        app()
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2
    return line


def test_corrections_are_summarized(dataset: Path, fixed: Path) -> None:
    write_photograph(dataset / "images" / "d.png", 7)
    correction(fixed, "d")
    (dataset / STATS_FILE).parent.mkdir()
    (dataset / STATS_FILE).write_text("{}")
    text = run(fixed, "--onto", dataset)
    assert (read(dataset / "masks" / "a.png") == corrected_mask()).all()
    assert f"2 masks of {dataset} changed, in " in text
    assert "soil 48" in text and "new masks, of photographs that had none: 1 (d)" in text
    assert f"undo: cp -R {dataset}/corrections/" in text and f" && rm {dataset}/masks/d.png" in text
    assert f"{dataset / STATS_FILE} counts the earlier masks: run segdrone data stats {dataset} again" in text
    again = run(fixed, "--onto", dataset)
    assert again.strip() == f"nothing changes: the 2 corrected masks of {dataset} are as in the corrections already"


def test_a_fourth_band_that_is_not_alpha_hides_no_correction(dataset: Path, fixed: Path) -> None:
    photograph = dataset / "images" / "a.png"
    with Image.open(photograph) as image:
        image.putalpha(0)
        image.save(photograph)
    assert "nothing changes" in run(fixed, "--onto", dataset)
    run(fixed, "--onto", dataset, "--bands", "1,2,3")
    assert (read(dataset / "masks" / "a.png") == corrected_mask()).all()


def test_photographs_of_16_bits_are_stretched(
    dataset: Path, fixed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (dataset / "images").iterdir():
        Image.fromarray(np.full(SIZE, 2000, np.uint16)).save(file)
    assert "such as --stretch [0,4095]" in error(monkeypatch, capsys, fixed, "--onto", dataset)
    run(fixed, "--onto", dataset, "--stretch", "0,4095")
    assert (read(dataset / "masks" / "a.png") == corrected_mask()).all()


def test_lost_labels_and_several_people_are_told(dataset: Path, tmp_path: Path) -> None:
    anna = correction(tmp_path / "anna", "a", *CORRECTED, file="anna")
    ben = correction(tmp_path / "ben", "a", ALL_SOIL, file="ben")
    text = run(anna, ben, "--onto", dataset, "--merge", "majority")
    assert "corrected by: anna, ben" in text and "several corrections: 1 photographs, mean kappa 0.0" in text
    assert "labeled pixels are ignored now, as no shape covers them or people differ; --background" in text


def test_options_for_corrections_alone_are_refused(
    dataset: Path, fixed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = dataset.parent / "out"
    for option in (["--prefer", "anna"], ["--merge", "majority"], ["--mask-encoding", "ids"], ["--masks", "gt"]):
        text = error(monkeypatch, capsys, fixed, out, *option)
        assert text == f"error: {option[0]} is for corrections of a dataset: give --onto, or leave it out"
    assert "--sparse does not go with --onto" in error(monkeypatch, capsys, fixed, "--onto", dataset, "--sparse")
    assert "give the folder to write to after the annotations" in error(monkeypatch, capsys, fixed)
    assert not out.exists()


def test_an_error_names_the_options_of_the_command(
    dataset: Path, fixed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    correction(fixed, "a", box("pool", 0, 0, 9, 9))
    assert "lack 'pool'" in error(monkeypatch, capsys, fixed, "--onto", dataset)
    text = error(monkeypatch, capsys, fixed, "--onto", dataset, "--layout", "atlas")
    assert "--layout atlas is unknown" in text
