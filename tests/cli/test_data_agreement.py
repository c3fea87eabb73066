from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from segdrone.cli.data import commands
from tests.annotations.corrections.conftest import ALL_SOIL, RIGHT_ROAD, box, correction, write_photograph


def test_people_are_compared(tmp_path: Path) -> None:
    write_photograph(tmp_path / "images" / "a.png", 0)
    for name, left in (("anna", 18), ("ben", 18), ("eva", 27)):
        correction(tmp_path, "a", ALL_SOIL, box("road", left, 0, 36, 24), file=name)
    sources = [f"{name}={tmp_path / name}.json" for name in ("anna", "ben", "eva")]
    arguments = ["agreement", *sources, "--images", str(tmp_path / "images"), "--out", str(tmp_path / "out"), "-q"]
    result = CliRunner().invoke(commands, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0
    text = " ".join(result.output.replace("│", " ").split())
    assert "1 photographs, each annotated by several of 3 people" in text
    assert "anna and ben 1 100.00 1.000 0.00 anna and eva 1 75.00 0.500 0.00" in text
    assert "mean kappa of 3 pairs: 0.667 least agreed on: a" in text
    assert RIGHT_ROAD["label"] in text and "differences.png" in text
