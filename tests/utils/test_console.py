"""Consoles whose encoding lacks characters."""

from __future__ import annotations

import io
import logging
import sys

import pytest
from rich.console import Console
from rich.table import Table

from segdrone.utils.console import escape_unknown_characters

TEXT = "flüge/größe→Ω \udcff.jpg"  # the last one is a byte that is no UTF-8


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1", "utf-8"])
def test_any_text_can_be_printed(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding))
    with pytest.raises(UnicodeEncodeError):
        print(TEXT, flush=True)
    escape_unknown_characters()
    print(TEXT, flush=True)
    print(TEXT, file=sys.stderr, flush=True)
    logging.StreamHandler(sys.stderr).emit(logging.makeLogRecord({"msg": TEXT}))
    table = Table("class")
    table.add_row(TEXT)
    Console().print(table)
    sys.stdout.flush()
    printed = raw.getvalue().decode(encoding)
    assert printed.count(" \\udcff.jpg") == 4
    assert ("größe" in printed) == (encoding != "ascii")
    assert ("→" in printed) == (encoding == "utf-8")


def test_a_replaced_stream_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = io.StringIO()
    monkeypatch.setattr(sys, "stdout", replaced)
    escape_unknown_characters()
    print(TEXT)
    assert replaced.getvalue() == f"{TEXT}\n"
