from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segdrone.cli.data import commands
from segdrone.cli.main import app
from tests.annotations.export.conftest import blobs, write_masks
from tests.helpers.label_studio_server import LEGACY, label_studio


def test_labels_are_pushed_and_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = write_masks(tmp_path, {"a": blobs(1)})
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", LEGACY)
    with label_studio() as (address, _):
        arguments = [str(masks), "--to", "label-studio", "--out", str(tmp_path / "out"), "-q", "--push", address,
                     "--images", str(tmp_path / "photographs"), "--project", "flights"]  # fmt: skip
        result = CliRunner().invoke(commands, ["export-labels", *arguments])
        assert result.exit_code == 0
        assert result.output.splitlines()[-1] == f"sent: 1 photographs to {address}/projects/1"
        back = tmp_path / "back.json"
        result = CliRunner().invoke(
            commands, ["pull", address, "--from", "label-studio", "--project", "flights", "--out", str(back)]
        )
    assert result.exit_code == 0
    assert f"segdrone data import {back}" in result.output
    assert json.loads(back.read_text())[0]["data"]["photograph"] == "a.jpg"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["export-labels", "x", "--to", "cvat", "--out", "y", "--project", "a"], "--project is for --push URL"),
        (["pull", "http://me:secret@x", "--from", "label-studio", "--project", "a", "--out", "b.json"], "a password"),
        (["pull", "http://127.0.0.1:1", "--from", "label-studio", "--project", "a", "--out", "b.json"], "refused"),
    ],
)
def test_an_error_is_one_line(
    arguments: list[str], text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", LEGACY)
    monkeypatch.setattr(sys, "argv", ["segdrone", "data", *arguments])
    with pytest.raises(SystemExit) as end:
        app()
    lines = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2
    assert len(lines) == 1
    assert text in lines[0]
    assert "secret" not in lines[0]


def test_the_helps_name_tokens_and_tools() -> None:
    for command, options in (("export-labels", ("--push", "--project")), ("pull", ("--from", "--project"))):
        text = CliRunner().invoke(commands, [command, "--help"], env={"COLUMNS": "300"}).output
        assert all(name in text for name in (*options, "LABEL_STUDIO_TOKEN", "CVAT_ACCESS_TOKEN"))
