from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from segdrone.cli.main import app
from segdrone.selection.uncertainty import DEFAULT_WAY, WAYS
from tests.helpers.picking import write_pool
from tests.helpers.small_graphs import graph, write

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs `segdrone data pick` beside four photographs and a model; returns exit code, stdout and stderr."""
    write_pool(tmp_path / "flight", range(4))
    write(graph(), tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["segdrone", "data", "pick", *arguments])
        with pytest.raises(SystemExit) as end:
            app()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


def test_help_teaches_every_way(call: Call) -> None:
    code, text, _ = call("--help")
    assert code == 0
    for way in WAYS:
        assert f"     {way} " in text, way
    assert f"[default: {DEFAULT_WAY}]" in text


def test_an_exported_model_picks_and_its_masks_go_out(call: Call, tmp_path: Path) -> None:
    code, text, _ = call("flight", "--model", "model.onnx", "--count", "2", "--out", "next", "--labels", "cvat")
    assert code == 0
    assert "2 of 4 picked, 0 failed: see next" in text
    assert "2 photographs with " in text
    names = (tmp_path / "next" / "picked.txt").read_text().split()
    annotations = (tmp_path / "next" / "labels" / "annotations.xml").read_text()
    assert len(names) == 2
    assert all(f'name="{name}.png"' in annotations for name in names)
    assert annotations.count("<image ") == 2
    code, _, errors = call("flight", "--model", "model.onnx", "--count", "2", "--out", "next", "--labels", "cvat")
    assert code == 2 and "is there already, and may be corrected" in errors


def test_predictions_of_the_user_are_not_removed(call: Call, tmp_path: Path) -> None:
    mask = tmp_path / "next" / "predicted" / "masks" / "mine.png"
    mask.parent.mkdir(parents=True)
    mask.write_bytes(b"mine")
    code, _, errors = call("flight", "--model", "model.onnx", "--count", "2", "--out", "next", "--labels", "cvat")
    assert code == 2 and "was not written by segdrone data pick" in errors
    assert mask.read_bytes() == b"mine"


def test_more_than_there_are_is_said(call: Call, tmp_path: Path) -> None:
    code, text, errors = call("flight", "--model", "model.onnx", "--count", "9", "--out", "next")
    assert code == 0
    assert "4 are picked, all that there are, fewer than the 9 of --count" in text
    assert errors.count("has no encoder to compare photographs by") <= 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nothing", "--model", "model.onnx"), "nothing does not exist"),
        (("flight", "--model", "model.onnx", "--by", "luck"), "--by luck is unknown: choose one of margin, entropy"),
        (("flight", "--model", "model.onnx", "--labels", "paint"), "--labels paint is not a format"),
        (
            ("flight", "--model", "model.onnx", "--labels", "cvat", "--window", "32x32"),
            "leave out --window or --labels",
        ),
        (("flight", "--model", "model.onnx", "--window", "32"), "--window 32 must be WIDTHxHEIGHT"),
        (("flight", "--model", "other.onnx"), "the model other.onnx does not exist"),
        (("flight", "--model", "model.onnx", "--labeled", "none"), "none does not exist"),
    ],
)
def test_mistakes_are_one_line(call: Call, tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    code, text, errors = call(*arguments, "--out", "next")
    assert (code, text) == (2, "")
    assert expected in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "next").exists()
