"""`segdrone geo`: help, output and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segdrone.cli.main import app
from segdrone.geo.flight import PROPERTIES
from tests.helpers.capture import save_with_exif
from tests.helpers.flight import Ground, Shot, write_flight

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs `segdrone geo` in a folder with a flight; returns exit code, stdout and stderr."""
    ground = Ground(np.random.default_rng(0).integers(0, 9, (10, 10), np.uint8), 10.0)
    write_flight(tmp_path, ground, [Shot("a", 0, 0), Shot("b", 10, 0)])
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["segdrone", "geo", *arguments])
        with pytest.raises(SystemExit) as end:
            app()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


def test_help_names_every_property(call: Call) -> None:
    code, text, _ = call("footprints", "--help")
    assert code == 0
    assert [name for name in PROPERTIES if name not in text] == []


def test_footprints(call: Call) -> None:
    code, text, errors = call("footprints", "photographs")
    assert (code, errors) == (0, "")
    assert text.splitlines() == [
        "2 photographs, 2 with a position, 2 with a footprint",
        "2,800 m2 covered, each place by 1.7 photographs on average",
        "ground sampling distance 50.00 cm (median; 50.00 to 50.00), standard uncertainty 13%",
        "written to flight.geojson and flight.csv",
    ]
    assert call("footprints", "photographs", "--quiet") == (0, "", "")


def test_a_broken_file_is_told_in_one_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "photographs" / "c.jpg").write_bytes(b"no photograph")
    code, text, errors = call("footprints", "photographs")
    assert code == 1
    assert errors.startswith("error: photographs/c.jpg ")
    assert errors.count("\n") == 1
    assert text.startswith("2 photographs, 2 with a position")


def test_no_position_is_one_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    save_with_exif(tmp_path / "other" / "a.jpg")
    code, text, errors = call("footprints", "other")
    assert (code, text) == (2, "")
    assert errors.startswith("error: none of 1 photographs has a position")
    assert errors.count("\n") == 1


def test_mosaic(call: Call, tmp_path: Path) -> None:
    code, text, errors = call("mosaic", "predicted", "photographs")
    assert (code, errors) == (0, "")
    assert text.splitlines() == [
        "2 masks on 141 x 81 pixels of 50.0 cm (EPSG:32633), approximate: flat ground, nothing adjusted",
        "written to mosaic.png, mosaic.pgw, mosaic.prj",
    ]
    (tmp_path / "photographs" / "a.jpg").unlink()
    code, _, errors = call("mosaic", "predicted", "photographs", "--out", "map.tif", "--quiet")
    assert (code, errors) == (1, "error: a.jpg is not on the map: the photograph is missing\n")


@pytest.mark.parametrize("arguments", [("footprints", "photographs"), ("mosaic", "predicted", "photographs")])
def test_the_extra_is_named(call: Call, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.setitem(sys.modules, "pyproj", None)
    expected = "error: this needs pyproj of the extra geo: pip install 'segdrone[geo]'\n"
    assert call(*arguments) == (2, "", expected)
