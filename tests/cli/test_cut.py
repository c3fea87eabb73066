"""`segdrone data cut`."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from segdrone.cli.data import commands
from segdrone.cli.data_options import name_options
from tests.helpers.labeled_maps import LAND, halves, write_layer, write_ortho


def test_maps_become_a_dataset(tmp_path: Path) -> None:
    write_ortho(tmp_path / "a.tif")
    write_layer(tmp_path / "land.gpkg", *halves())
    (tmp_path / "classes.csv").write_text(LAND)
    out = tmp_path / "out"
    options = ["--labels", tmp_path / "land.gpkg", "--class-attribute", "kind", "--classes", tmp_path / "classes.csv"]
    split = ["--block-m", 20, "--tile", 64, "--gsd", 100, "--test-share", 0.2, "--quiet", "--bands", "[3,2,1]"]
    arguments = [str(part) for part in ("cut", tmp_path / "a.tif", *options, *split, "--out", out)]
    result = CliRunner().invoke(commands, [*arguments, "--block-m", "40"])
    assert result.exit_code == 0, result.output
    assert "of 40 m, 100 cm per pixel" in result.output.replace("\n", "")
    names = {"classes.csv", "images", "maps.json", "masks", "test.txt", "train.txt", "val.txt"}
    assert {path.name for path in out.iterdir()} == names


def test_messages_name_the_options_of_the_command() -> None:
    assert name_options("give a smaller data.block_m", cut=True) == "give a smaller --block-m"
    assert name_options("data.map_tile=63 must be, data.map_gsd=1", cut=True) == "--tile 63 must be, --gsd 1"
    assert name_options("data.test_share=0 or data.class_attribute", cut=True) == "--test-share 0 or --class-attribute"
