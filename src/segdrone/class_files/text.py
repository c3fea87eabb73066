"""Read the text of a class-table file, whatever encoding and separator it was saved with."""

from __future__ import annotations

import csv
import logging
import re
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from segdrone.class_files.columns import ColumnsError, is_header, is_value
from segdrone.errors import DataError
from segdrone.utils.bounded import UnreadableError, read_bytes

log = logging.getLogger(__name__)

SEPARATORS = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "vertical bar",
    ":": "colon",
    "=": "equals sign",
    " ": "space",
}
_MOST_BYTES = 1 << 20
_MOST_LINES, _LONGEST_LINE = 2000, 2000
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HEX_COLOR = re.compile(r"#(?:[0-9a-f]{3}){1,2}\s*(?:[,;\t|:\s]|$)", re.IGNORECASE)
_EXCEL_HINT = re.compile(r"sep=(.)", re.IGNORECASE)  # first line that Excel reads as the separator
_LABELMAP = ("label", "color_rgb", "parts", "actions")  # of CVAT's and VOC's labelmap.txt


class Line(NamedTuple):
    """A line of a table: its number in the file, from 1, and its cells."""

    number: int
    cells: list[str]


class Grid(NamedTuple):
    """A table as one separator divides it.

    Attributes:
        separator: The separator.
        lines: Its lines of cells, without empty lines and comments.
        comment: The cells of the comment line before the first line; empty if there is none.
    """

    separator: str
    lines: list[Line]
    comment: list[str]


def read_text(path: Path) -> tuple[str, str]:
    """Returns the text of a file and the name of its encoding.

    UTF-8 and UTF-16 are recognized, with and without byte order mark. Anything else is read as Windows-1252, which
    is logged, as other code pages have other letters there.

    Raises:
        DataError: The file is missing, too large for a class table, or not a text file.
    """
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"class table {path} {what}: give data.classes=drone or the path of a CSV file")
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"class table {path} has {path.stat().st_size} bytes, more than a class table can have")
    try:
        content = read_bytes(path, _MOST_BYTES)
    except UnreadableError as error:
        raise DataError(f"class table {path} cannot be read ({error}): change its permissions") from None
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):  # xlsx and ods, xls
        raise DataError(f"class table {path} is a spreadsheet: save it as CSV (UTF-8)")
    for encoding, name in (("utf-8-sig", "UTF-8"), (_utf16(content), "UTF-16"), ("cp1252", "Windows-1252")):
        try:
            text = content.decode(encoding) if encoding else "\0"
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            if name == "Windows-1252":
                words = dict.fromkeys(word[:40] for word in re.findall(r"\w+", text) if not word.isascii())
                log.warning(
                    "class table %s is not UTF-8 and read as Windows-1252 (%s): save it as UTF-8 if letters are wrong",
                    path,
                    ", ".join([*words][:3]),
                )
            return text, name
    raise DataError(f"class table {path} is neither UTF-8 nor UTF-16 nor ANSI text: save it as UTF-8 text")


def _utf16(content: bytes) -> str:
    if content.startswith(_UTF16_MARKS):
        return "utf-16"
    zeros = content[1::2].count(0), content[::2].count(0)  # letters of the West have a zero beside each byte
    if max(zeros) <= len(content) // 4:
        return ""
    return "utf-16-le" if zeros[0] > zeros[1] else "utf-16-be"


def read_grids(text: str) -> list[Grid]:
    """Returns the table as each separator divides it that occurs in it; spaces first, and only if there is no other.

    Raises:
        ColumnsError: It has more or longer lines than a class table can have.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip(" \t,;|")]
    if len(lines) > _MOST_LINES:
        raise ColumnsError(f"it has {len(lines)} lines, more than a class table can have")
    if long := [number for number, line in lines if len(line) > _LONGEST_LINE]:
        raise ColumnsError(f"line {long[0]} is longer than {_LONGEST_LINE} characters: give one class per line")
    if lines and (hint := _EXCEL_HINT.fullmatch(lines[0][1].strip('" '))):
        lines, separators = lines[1:], [hint[1]]
    else:
        separators = [*SEPARATORS][:-1]
    comments = [line for line in lines if is_comment(line[1])]
    rows = [line for line in lines if not is_comment(line[1])]
    comment = next((line for number, line in reversed(comments) if rows and number < rows[0][0]), "").strip("#/ \t")
    used = [separator for separator in separators if any(separator in line for _, line in rows)]
    if not used:
        spaced = len(separators) > 1 and all(re.search(r"\S\s+\S", line) for _, line in rows)
        used = [" ", separators[0]] if spaced else separators[:1]  # names may be of several words
    return [_divide(separator, rows, comment) for separator in used]


def is_comment(line: str) -> bool:
    """Whether a line is a comment: it begins with # or //, and no color."""
    start = line.lstrip().lower()
    return start.startswith(("#", "//")) and not _HEX_COLOR.match(start)


def _divide(separator: str, rows: list[tuple[int, str]], comment: str) -> Grid:
    grid = Grid(separator, [Line(n, _cells(row, separator)) for n, row in rows], _cells(comment, separator))
    if separator == ":" and not comment and all(len(line.cells) == len(_LABELMAP) for line in grid.lines):
        grid = grid._replace(comment=list(_LABELMAP))
    width = max((len(line.cells) for line in grid.lines), default=0)
    while width > 1 and not any(line.cells[width - 1 :] and line.cells[width - 1] for line in grid.lines):
        width -= 1  # columns at the end that are empty in every row, as spreadsheets write them
    return grid._replace(lines=[Line(n, cells[:width]) for n, cells in grid.lines], comment=grid.comment[:width])


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        words = line.split()
        return words if is_header(words) else _join_words(words)
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]


def _join_words(words: list[str]) -> list[str]:
    """Returns the cells of a line that spaces divide: each number and each color, and the words of a name together."""
    cells: list[str] = []
    for known, group in groupby(words, is_value):
        part = [*group]
        cells += part if known else [" ".join(part)]
    return cells
