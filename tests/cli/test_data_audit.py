from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segdrone.cli.data import commands
from segdrone.cli.main import app
from tests.helpers.audited import WRONG, write_dataset, write_judge


def test_the_command_writes_its_files(tmp_path: Path) -> None:
    root, judge = write_dataset(tmp_path / "dataset"), write_judge(tmp_path / "a.npz")
    out = tmp_path / "out"
    result = CliRunner().invoke(commands, ["audit", str(root), "--model", str(judge), "--out", str(out), "-q"])
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in out.iterdir()) == ["audit.csv", "audit.png"]
    assert WRONG in result.output and f"written to {out}" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--split", "half"], "--split half is unknown"),
        (["--min-area", "9999"], "give a smaller --min-area"),
        (["--classes", "missing.csv"], "missing.csv"),
    ],
)
def test_an_error_is_one_line_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    text: str,
) -> None:
    root, judge = write_dataset(tmp_path / "dataset"), write_judge(tmp_path / "a.npz")
    given = ["audit", str(root), "--model", str(judge), "--out", str(tmp_path / "out"), "-q", *arguments]
    monkeypatch.setattr(sys, "argv", ["segdrone", "data", *given])
    with pytest.raises(SystemExit) as end:
        app()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert end.value.code == 2 and len(lines) == 1 and text in lines[0]
    assert not [*(tmp_path / "out").glob("audit*")]
