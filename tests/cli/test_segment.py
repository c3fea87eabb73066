from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from segdrone.classic.methods import METHODS
from segdrone.cli.main import app
from segdrone.cli.segment import parse_options
from segdrone.errors import ConfigError
from tests.helpers.classic import patches

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs `segdrone segment` on an image; returns exit code, stdout and stderr."""
    Image.fromarray(patches(0)[0]).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["segdrone", "segment", *arguments])
        with pytest.raises(SystemExit) as end:
            app()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


def test_help_teaches_every_method(call: Call) -> None:
    code, text, _ = call("--help")
    assert code == 0
    for name in METHODS:
        assert f"\n     {name} " in text, name
    assert "spacing=14" in text


def test_options_reach_the_method(call: Call, tmp_path: Path) -> None:
    code, text, _ = call("slic", "a.png", "--out", "out", "--set", "spacing=8", "--set", "compactness=2.5")
    assert (code, text) == (0, "1 segmented, 0 failed: see out\n")
    assert '"spacing": 8,\n    "compactness": 2.5' in (tmp_path / "out" / "segment.json").read_text()
    assert call("slic", "a.png", "--out", "quiet", "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("magic", "a.png", "--out", "out"), "the method magic is unknown: choose one of threshold"),
        (("slic", "b.png", "--out", "out"), "b.png does not exist"),
        (("slic", "a.png", "--out", "out", "--set", "spacing"), "--set spacing must be KEY=VALUE"),
        (("slic", "a.png", "--out", "out", "--set", "spacing=x"), "options of slic: spacing: input should be a valid"),
    ],
)
def test_mistakes_are_one_line(call: Call, arguments: tuple[str, ...], expected: str) -> None:
    code, text, errors = call(*arguments)
    assert (code, text) == (2, "")
    assert errors.startswith("error: ")
    assert expected in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("text", ["=3", "a=2", "b=&x [*x]", "b=[1", "b=!!python/object:os.system []"])
def test_values_are_plain_data(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_options(["a=1", text])
