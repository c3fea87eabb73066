from __future__ import annotations

import sys

import pytest

from segdrone.cli.main import app
from segdrone.model.weights_catalog import CATALOG


@pytest.mark.parametrize("name", ["tu-http://host/model", "tu-hf-hub:someone/model", "../mobilenet_v2", "mobilnet_v2"])
def test_an_unknown_encoder_is_one_line_before_anything_is_fetched(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segdrone", "weights", "get", name])
    with pytest.raises(SystemExit) as end:
        app()
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f"encoder_name={name} is unknown: choose one of smp's encoders" in line


def test_the_list_has_whole_names_to_get_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segdrone", "weights", "list"])
    with pytest.raises(SystemExit) as end:
        app()
    assert end.value.code == 0
    words = capsys.readouterr().out.split()
    assert {*CATALOG} <= {*words}
