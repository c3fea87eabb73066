from __future__ import annotations

import re
import sys

import pytest

from segdrone import __version__
from segdrone.cli.main import app
from tests.helpers.commands import REPO


def test_the_citation_has_the_version_of_the_package() -> None:
    cited = re.search(r"^version: (.*)$", (REPO / "CITATION.cff").read_text(), flags=re.M)
    assert cited is not None
    assert cited[1] == __version__


@pytest.mark.parametrize("command", ["data check", "data stats", "data sample", "sweep"])
def test_an_error_of_the_system_is_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segdrone", *command.split(), "a" * 300])
    with pytest.raises(SystemExit) as left:
        app()
    (line,) = capsys.readouterr().err.splitlines()
    assert left.value.code == 2
    assert line.startswith("error: ")
    assert "File name too long" in line
