r"""Print any text to any console, and nothing that controls it.

Names of files and classes are of unknown origin: a line break in one forges a line, an escape sequence clears the
screen or sets the window's title, and a bidirectional override shows letters in another order. Whatever a command
prints or logs passes through here, and shows such characters as Python writes them: `\x1b`, `\u202e`, `\udce9`. Files
keep names as they are.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, NoReturn, TextIO, cast

_CONTROLS = "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff"
_CONTROL = re.compile(f"[{_CONTROLS}]")
_CONTROL_OR_BREAK = re.compile(f"[\\t\\n{_CONTROLS}]")
_BREAK = re.compile(r"\n(?!  )")  # of a name: further lines of an error are indented
_BAR = re.compile(r"(?P<own>\r|(?:\n|\x1b\[A)*\Z)")  # the start of what tqdm writes: it moves to a line, or begins one
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colors of tables and movements of bars, on terminals


def one_line(text: object) -> str:
    r"""Returns a text with line breaks and other control characters escaped, for an error or a name.

    Example:
        >>> print(one_line("photo\n\x1b[2J\udce9.jpg"))
        photo\n\x1b[2J\udce9.jpg
    """
    return _CONTROL_OR_BREAK.sub(_escaped, str(text))


def printable(text: str) -> str:
    r"""Returns a text with control characters escaped; line breaks and tabs stay.

    Example:
        >>> print(printable("first\n\x1b[2Jsecond"))
        first
        \x1b[2Jsecond
    """
    return _CONTROL.sub(_escaped, text)


def exit_with_error(text: str) -> NoReturn:
    """Prints an error to stderr, in one line or with further lines that are indented, and exits with code 2."""
    print(f"error: {printable(_BREAK.sub(_escaped, text))}", file=sys.stderr)
    sys.exit(2)


def protect_console(reword: Callable[[str], str] | None = None) -> None:
    """Makes stdout, stderr and segdrone's log messages escape control characters, and those a console lacks.

    Args:
        reword: Changes segdrone's log messages, such as the names of options in them.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        if stream is not None and not isinstance(stream, _ConsoleStream):
            setattr(sys, name, cast(TextIO, _ConsoleStream(stream)))
    _LogRecord.reword = staticmethod(reword or str)
    logging.setLogRecordFactory(_LogRecord)


class _ConsoleStream:
    """A text stream that escapes control characters, except those by which tqdm and rich draw."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        start = _BAR.match(text)
        own = start["own"] if start else ""
        rest = text[len(own) :]
        if not self._stream.isatty():
            self._stream.write(own + printable(rest))
        else:
            parts, sequences = _SEQUENCE.split(rest), [*_SEQUENCE.findall(rest), ""]
            escaped = zip(map(printable, parts), sequences, strict=True)
            self._stream.write(own + "".join(map("".join, escaped)))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _LogRecord(logging.LogRecord):
    """A record whose names, paths and errors are escaped; the text around them is segdrone's own."""

    reword: Callable[[str], str] = str

    def getMessage(self) -> str:
        own = str(self.name).startswith("segdrone")
        if own and isinstance(self.args, tuple):
            unsafe = str | PurePath | BaseException
            self.args = tuple(one_line(value) if isinstance(value, unsafe) else value for value in self.args)
        text = super().getMessage()
        return printable(type(self).reword(text) if own else text)


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]
