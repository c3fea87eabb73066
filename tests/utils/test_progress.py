"""Bars of progress in a terminal and in a log file."""

from __future__ import annotations

import io
import sys

import pytest

from segdrone.utils import progress
from segdrone.utils.progress import is_terminal, progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stderr", [io.StringIO(), Terminal()])
def test_a_log_file_gets_few_lines(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    assert list(progress_bar(range(3000), "photographs", mininterval=0, miniters=1)) == list(range(3000))
    lines = stderr.getvalue().split("\r")
    assert lines[-1].startswith("photographs: 100%|")
    assert (len(lines) > 1000) if is_terminal() else (len(lines) <= 4)


def test_a_long_job_has_a_line_per_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(progress, "LOG_INTERVAL", 0.0)
    list(progress_bar(range(20), "photographs", total=20))
    assert len(log.getvalue().split("\r")) > 10
