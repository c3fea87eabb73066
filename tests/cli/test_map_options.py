"""Options of `segdrone predict` for maps, and the command on one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from segdrone.cli.main import app
from segdrone.cli.map_options import MapOptions
from segdrone.errors import ConfigError
from tests.helpers.image_files import random_image
from tests.helpers.maps import TRANSFORM, write_map
from tests.helpers.training import tiny_checkpoint

NONE: dict[str, Any] = {
    "geotiff": False, "polygons": None, "simplify": 0.0, "min_area_m2": 0.0, "zones": None, "gsd": None, "bands": None,
    "stretch": None, "remote": False,
}  # fmt: skip


def options(**given: Any) -> MapOptions:
    return MapOptions(**{**NONE, **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"simplify": -1.0}, "--simplify -1.0 must be 0 or more"),
        ({"min_area_m2": float("nan")}, "--min-area-m2 nan must be"),
        ({"simplify": 0.5}, "are for polygons: give --polygons gpkg"),
        ({"gsd": "fine"}, "--gsd fine must be auto, or centimeters"),
        ({"gsd": "0"}, "--gsd 0 must be"),
    ],
)
def test_options_of_a_wrong_form_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        options(**given)


def test_bands_and_stretch_are_numbers() -> None:
    assert options(bands="3,2,1", stretch="0,4095").channels == {"bands": (3, 2, 1), "stretch": (0.0, 4095.0)}
    assert options().channels == {}
    for given in ({"bands": "3,2"}, {"bands": "a,b,c"}, {"bands": "0,1,2"}, {"stretch": "9,1"}, {"stretch": "0,nan"}):
        with pytest.raises(ConfigError, match=r"must be (three numbers from 1|two numbers)"):
            _ = options(**given).channels


@pytest.mark.parametrize(
    ("given", "photographs", "maps", "scale", "whole", "message"),
    [
        ({"polygons": "gpkg"}, True, False, None, [], "--polygons is for maps, and no INPUT is one"),
        ({"geotiff": True}, True, True, None, ["--refine"], "--refine: a map is not held in memory"),
        ({"gsd": "auto"}, False, True, 0.5, [], "leave out --scale"),
        ({"bands": "3,2,1", "geotiff": True}, True, True, None, [], "--bands and --stretch are for maps"),
    ],
)
def test_options_must_fit_the_inputs(
    given: dict[str, Any], photographs: bool, maps: bool, scale: float | None, whole: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        options(**given).check(photographs, maps, scale, whole, [])


def test_a_map_and_a_photograph_by_one_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "a.ckpt")
    (tmp_path / "flight").mkdir()
    write_map(tmp_path / "flight" / "ortho.tif", random_image(64, 96).transpose(2, 0, 1))
    rasterio.shutil.copy(tmp_path / "flight" / "ortho.tif", tmp_path / "flight" / "photograph.png", driver="PNG")
    (tmp_path / "flight" / "photograph.png.aux.xml").unlink()
    (tmp_path / "flight" / "photograph.pgw").write_text("0.05 0 0 -0.05 500000 5200000")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["segdrone", "predict", str(checkpoint), *arguments, "--out", "out"])
        with pytest.raises(SystemExit) as end:
            app()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return int(end.value.code or 0), captured.out + captured.err

    code, text = run("flight", "--geotiff", "--polygons", "gpkg", "--scale", "1", "--objects", "--object-class", "car")
    assert code == 0
    assert "2 predicted, 0 done before, 0 failed" in text
    assert "--objects: not for maps" in caplog.text
    with rasterio.open("out/maps/ortho_mask.tif") as file:
        assert tuple(file.transform)[:6] == TRANSFORM
        mask = file.read(1)
    assert Path("out/maps/ortho_polygons.gpkg").is_file() and Path("out/maps/ortho_map.html").is_file()
    assert Path("out/masks/photograph.pgw").read_text() == "0.05 0 0 -0.05 500000 5200000"
    with rasterio.open("out/masks/photograph.png") as file:
        np.testing.assert_array_equal(file.read(1), mask)  # the same pixels, predicted as a photograph
    code, text = run("flight", "--geotiff", "--polygons", "gpkg", "--scale", "1", "--objects", "--object-class", "car")
    assert (code, "0 predicted, 2 done before" in text) == (0, True)
    code, text = run("https://127.0.0.1:9/ortho.tif", "--geotiff")
    assert (code, "give --remote to read it" in text) == (2, True)
