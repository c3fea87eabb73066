from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from segdrone.annotations.export import LABEL_FORMATS
from segdrone.cli.data import commands
from segdrone.cli.data_options import name_options
from segdrone.cli.main import app
from segdrone.errors import ConfigError
from tests.annotations.export.conftest import blobs, write_masks


def test_help_names_every_format_and_its_files() -> None:
    text = CliRunner().invoke(commands, ["export-labels", "--help"], env={"COLUMNS": "300"}).output
    assert {*re.findall(r"[a-z][a-z\-]+", text)} >= LABEL_FORMATS.keys()
    for chosen in LABEL_FORMATS.values():
        assert all(name in text for name in chosen.files if name not in ("classes.csv", "ImageSets"))


def test_masks_become_annotations(tmp_path: Path) -> None:
    masks = write_masks(tmp_path, {"a": blobs(1)})
    arguments = [str(masks), "--to", "coco", "--as", "polygons", "--out", str(tmp_path / "out"), "-q", "--images"]
    result = CliRunner().invoke(commands, ["export-labels", *arguments, str(tmp_path / "photographs")])
    assert result.exit_code == 0
    assert re.match(r"1 photographs with \d+ polygons \(coco, at most \d+ on one\) in ", result.output)
    assert (tmp_path / "out" / "annotations.json").is_file()


def test_an_error_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = write_masks(tmp_path, {"a": blobs(1), "b": blobs(2)})
    (masks / "b.png").write_bytes((masks / "b.png").read_bytes()[:60])
    arguments = ["export-labels", str(masks), "--to", "labelme", "--out", str(tmp_path / "out"), "-q"]
    monkeypatch.setattr(sys, "argv", ["segdrone", "data", *arguments])
    with pytest.raises(SystemExit) as end:
        app()
    lines = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and "b.png" in lines[-1]
    assert not [*(tmp_path / "out").glob("annotations")]


def test_tiles_go_out_and_come_back(tmp_path: Path) -> None:
    masks = write_masks(tmp_path, {"a": blobs(1, (64, 100))})
    photographs, out, back = (str(tmp_path / name) for name in ("photographs", "out", "back"))
    arguments = [str(masks), "--to", "coco", "--out", out, "-q", "--images", photographs, "--tile", "64x70"]
    result = CliRunner().invoke(commands, ["export-labels", *arguments])
    assert result.exit_code == 0 and "1 photographs, some of them as 2 tiles, with " in result.output
    classes = ["--classes", str(masks / "classes.csv")]
    result = CliRunner().invoke(commands, ["import", out, back, "--images", photographs, *classes])
    assert result.exit_code == 0 and "put together: 1 photographs of 2 tiles" in result.output
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "back" / "masks" / "a.png")), blobs(1, (64, 100)))


@pytest.mark.parametrize("tile", [[], ["--tile", "64x70"]])
def test_a_dataset_of_16_bit_photographs_has_the_stretch_that_is_given(tmp_path: Path, tile: list[str]) -> None:
    root = write_masks(tmp_path, {"a": blobs(1, (64, 100))}).parent
    (root / "masks" / "classes.csv").rename(root / "classes.csv")
    (root / "images").mkdir()
    Image.fromarray(np.full((64, 100), 2000, np.uint16)).save(root / "images" / "a.png")
    (root / "photographs" / "a.jpg").unlink()
    arguments = ["export-labels", str(root), "--to", "coco", "--out", str(root / "out"), "-q", *tile]
    refused = CliRunner().invoke(commands, arguments)
    assert "such as --stretch [0,4095]" in name_options(str(refused.exception))
    assert CliRunner().invoke(commands, [*arguments, "--stretch", "0,4000"]).exit_code == 0


def test_tiles_of_16_bit_photographs_have_the_stretch_that_is_given(tmp_path: Path) -> None:
    masks = write_masks(tmp_path, {"a": blobs(1, (64, 100))})
    photographs, out = tmp_path / "photographs", tmp_path / "out"
    next(photographs.iterdir()).unlink()
    Image.fromarray(np.full((64, 100), 2000, np.uint16)).save(photographs / "a.png")
    arguments = [str(masks), "--to", "coco", "--out", str(out), "-q", "--images", str(photographs)]
    needs_tile = CliRunner().invoke(commands, ["export-labels", *arguments, "--stretch", "0,4000"])
    assert isinstance(needs_tile.exception, ConfigError) and "--tile" in str(needs_tile.exception)
    arguments += ["--tile", "64x70"]
    assert "--stretch" in name_options(str(CliRunner().invoke(commands, ["export-labels", *arguments]).exception))
    result = CliRunner().invoke(commands, ["export-labels", *arguments, "--stretch", "0,4000"])
    assert result.exit_code == 0
    tiles = [np.array(Image.open(file)) for file in sorted((out / "images").iterdir())]
    assert len(tiles) == 2 and all(np.abs(tile.astype(int) - 128).max() <= 1 for tile in tiles)
