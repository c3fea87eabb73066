from __future__ import annotations

import sys
from pathlib import Path

import pytest

from segdrone.cli.main import app
from segdrone.model import load_network
from tests.helpers.training import tiny_checkpoint


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["segdrone", "ensemble", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        app()
    return int(end.value.code or 0)


def test_a_checkpoint_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    members = [tiny_checkpoint(tmp_path / f"{seed}.ckpt", seed=seed) for seed in range(2)]
    out = tmp_path / "new" / "two.ckpt"
    assert _run(monkeypatch, *members, "--out", out) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert load_network(out)[1].made_by["network"] == "ensemble of unet + unet"
    before = out.read_bytes()
    assert _run(monkeypatch, *members, "--out", out) == 2
    assert "exists" in capsys.readouterr().err
    assert out.read_bytes() == before


def test_a_name_without_suffix_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "scenes", "scenes", "--out", tmp_path / "two") == 2
    assert "must end with .ckpt" in capsys.readouterr().err
