from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from segdrone.annotations import ANNOTATION_FORMATS
from segdrone.cli.data import commands
from tests.annotations.test_labelme import labelme, shape
from tests.annotations.test_orientation import turned

SQUARE = shape("car", [[10, 10], [50, 10], [50, 40], [10, 40]])


def test_help_names_every_format() -> None:
    text = CliRunner().invoke(commands, ["import", "--help"], env={"COLUMNS": "300"}).output
    words = set(re.findall(r"[a-z][a-z\-]+", text))
    assert words >= ANNOTATION_FORMATS.keys()


def test_several_exports_become_one_dataset(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        turned(tmp_path / split / f"{split}.jpg", 3)
        labelme(tmp_path / split / "a.json", SQUARE, imagePath=f"{split}.jpg")
    out = tmp_path / "out"
    sources = [str(tmp_path / split) for split in ("train", "valid")]
    result = CliRunner().invoke(commands, ["import", *sources, str(out), "--orientation", "stored"])
    assert result.exit_code == 0
    assert "2 photographs with masks of 2 shapes (labelme)" in result.output
    assert "split as the export says: 1 train, 1 val (train.txt, val.txt, test.txt)" in result.output
    assert sorted(path.name for path in out.iterdir()) == ["classes.csv", "images", "masks", "train.txt", "val.txt"]


def test_points_are_imported_with_sparse(tmp_path: Path) -> None:
    turned(tmp_path / "in" / "a.jpg", 1)
    labelme(tmp_path / "in" / "a.json", shape("car", [[20, 30]], "point"), imagePath="a.jpg")
    arguments = ["import", str(tmp_path / "in"), str(tmp_path / "out"), "--sparse", "--sparse-width", "4"]
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 0
    mask = np.array(Image.open(tmp_path / "out" / "masks" / "a.png"))
    assert (mask == 0).sum() in range(9, 17)
