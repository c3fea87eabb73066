"""Consoles whose encoding lacks characters."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from segdrone.errors import DataError
from segdrone.utils.console import exit_with_error, protect_console
from segdrone.utils.progress import progress_bar


@pytest.fixture(autouse=True)
def log_records() -> Iterator[None]:
    factory = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(factory)


TEXT = "flüge/größe→Ω \udcff.jpg"  # the last one is a byte that is no UTF-8


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1", "utf-8"])
def test_any_text_can_be_printed(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding))
    with pytest.raises(UnicodeEncodeError):
        print(TEXT, flush=True)
    protect_console()
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


def test_a_replaced_stream_is_protected_once(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = io.StringIO()
    monkeypatch.setattr(sys, "stdout", replaced)
    protect_console()
    protect_console()
    print(TEXT)
    assert replaced.getvalue() == "flüge/größe→Ω \\udcff.jpg\n"


HOSTILE = {
    "title": "\x1b]0;owned\x07.jpg",
    "clear": "\x1b[2J\x1b[1;1H.jpg",
    "carriage return": "bad\rgood.jpg",
    "eight-bit sequence": "\x9b2J.jpg",
    "bidirectional": "\u202egpj.exe",
    "separator": "a\u2028b.jpg",
    "backspaces": "bad\b\b\bok.jpg",
    "not UTF-8": "caf\udce9.jpg",
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_control_characters_are_shown_not_sent(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = io.StringIO()
    for target in ("stdout", "stderr"):
        monkeypatch.setattr(sys, target, stream)
    protect_console()
    print(f"read {name}")
    with progress_bar(total=1, desc=name, file=sys.stderr) as bar:
        tqdm.write(f"error: {name}", file=sys.stderr)
        bar.update()
    table = Table("file")
    table.add_row(Text(name))
    Console(width=80).print(table)
    printed = stream.getvalue()
    assert printed.count(ascii(name)[1:-1]) >= 4
    assert not {*printed} & {*"\x07\x08\x1b\x9b\u202e\u2028\udce9"}
    assert all(line.startswith("\r") for line in re.findall(".?\r.?", printed) if "bad" in line or "good" in line)


def test_a_line_break_in_a_name_forges_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    protect_console()
    name, logger = "a\nerror: all is lost", logging.getLogger("segdrone.test")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    logger.warning("%s is broken, as %s and %r", Path(name), DataError(name), name)
    logger.removeHandler(handler)
    with pytest.raises(SystemExit):
        exit_with_error(f"{name} is missing")
    assert stream.getvalue().count("\n") == 2


def test_tables_keep_their_colors_on_a_terminal_and_a_name_in_an_error_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    for target in ("stdout", "stderr"):
        monkeypatch.setattr(sys, target, terminal)
    protect_console()
    Console(force_terminal=True, color_system="standard").print("[red]red[/red]")
    assert "\x1b[31mred\x1b[0m" in terminal.getvalue()
    with pytest.raises(SystemExit):
        exit_with_error("\x1b[31mname.jpg is missing")
    assert terminal.getvalue().endswith("error: \\x1b[31mname.jpg is missing\n")


def test_records_are_escaped_in_log_files(tmp_path: Path) -> None:
    protect_console()
    logger, handler = logging.getLogger("segdrone.test"), logging.FileHandler(tmp_path / "a.log", encoding="utf-8")
    logger.addHandler(handler)
    for name in HOSTILE.values():
        logger.warning("%s", name)
    logger.removeHandler(handler)
    handler.close()
    assert (tmp_path / "a.log").read_text(encoding="utf-8") == "".join(ascii(n)[1:-1] + "\n" for n in HOSTILE.values())


def test_nested_bars_move_between_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    protect_console()
    for _ in tqdm(range(2), file=sys.stderr):
        for _ in tqdm(range(2), file=sys.stderr, leave=False):
            pass
    assert "\x1b[A" in stream.getvalue()
    assert "\\" not in stream.getvalue()
