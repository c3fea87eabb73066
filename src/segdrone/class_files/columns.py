"""Find names, ids and colors among the columns of a class table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from segdrone.classes import Color

T = TypeVar("T")

_NAMES = (
    "name", "names", "classname", "classnames", "labelname", "categoryname", "title", "class", "classes", "label",
    "labels", "category", "categories",
)  # fmt: skip
_IDS = (
    "id", "ids", "classid", "labelid", "categoryid", "index", "idx", "classindex", "value", "values", "pixelvalue",
    "pixelvalues", "pixel", "maskvalue", "grayvalue", "greyvalue", "gray", "grey", "graylevel", "greylevel", "code",
    "classcode", "trainid", "number", "no", "nr", "dn",
)  # fmt: skip
_CHANNELS = (("r", "red"), ("g", "green"), ("b", "blue"))
_COLORS = (
    "color", "colour", "colors", "colours", "rgb", "colorrgb", "colourrgb", "rgbcolor", "rgbcolour", "rgbvalue",
    "rgbvalues", "hex", "hexcolor", "hexcolour", "colorhex", "colourhex", "hexcode", "hexvalue", "colorcode", "html",
)  # fmt: skip
_THINGS = ("thing", "things", "isthing")
_YES, _NO = ("1", "1.0", "true", "yes", "y"), ("0", "0.0", "false", "no", "n")
_KNOWN = {*_NAMES, *_THINGS, *_IDS, *_COLORS, *(key for channel in _CHANNELS for key in channel)}

_WHOLE = re.compile(r"[+-]?\d{1,9}(?:\.0{0,9})?")
_HEX = re.compile(r"(?:#|0x)?([0-9a-f]{6})|#([0-9a-f]{3})", re.IGNORECASE)
_TRIPLE = re.compile(
    r"(?:rgba?)? ?[\[({]? ?(\d{1,9}) ?[,;/ ] ?(\d{1,9}) ?[,;/ ] ?(\d{1,9})(?: ?[,;/ ] ?255)? ?[\])}]?", re.IGNORECASE
)


class Entry(NamedTuple):
    """A class as a file gives it.

    Attributes:
        name: Its name.
        id: Its value in masks; None if the file has no ids.
        color: Its color; None if the file has no colors.
        where: Where it is in the file, such as `line 3`.
        thing: Whether its things are counted one by one; None if the file does not say.
    """

    name: str
    id: int | None
    color: Color | None
    where: str
    thing: bool | None = None


class Row(NamedTuple):
    """A row of cells, and where it is in the file."""

    where: str
    cells: Sequence[str]


class ColumnsError(Exception):
    """The rows cannot be read as classes; the message says where and why."""


def is_header(cells: Sequence[str]) -> bool:
    """Whether cells name columns.

    Example:
        >>> is_header(["Pixel Value", "Class"]), is_header(["road", "128", "64", "128"])
        (True, False)
    """
    keys = {_key(cell) for cell in cells}
    return bool(keys & {*_NAMES} or len(keys & _KNOWN) > 1) and not any(map(is_value, cells))


def is_value(cell: str) -> bool:
    """Whether a cell is a whole number or a color."""
    return _is_whole(cell) or _is_color(cell)


def is_known(cell: str) -> bool:
    """Whether a cell is the name of a column that is read."""
    return _key(cell) in _KNOWN


def is_answer(cell: str) -> bool:
    """Whether a cell is the name of a column that says yes or no."""
    return _key(cell) in _THINGS


def read_entries(header: Sequence[str] | None, rows: Sequence[Row]) -> list[Entry]:
    """Returns the classes in rows of cells.

    Args:
        header: Names of the columns; None finds the columns by their values.
        rows: At least one row.

    Raises:
        ColumnsError: The columns are unknown or could be read in two ways, or a cell has no valid value.

    Example:
        >>> read_entries(["class", "red", "green", "blue"], [Row("line 2", ["road", "90", "90", "90"])])
        [Entry(name='road', id=None, color=(90, 90, 90), where='line 2', thing=None)]
    """
    if header is None:
        header = _guess_header(rows)
    for where, cells in rows:
        if len(cells) > len(header):
            raise ColumnsError(
                f"{where} has {len(cells)} cells for the {len(header)} columns {_listed(header)}: put names that "
                "contain the separator in double quotes"
            )
    table = [Row(where, [*cells, *[""] * (len(header) - len(cells))]) for where, cells in rows]
    name, ids, channels, colors, things = _find_columns(header, table)
    return [
        Entry(
            _name(row, header, name),
            _only([_whole(row, header, column, 65535) for column in ids], row, "ids"),
            _only([*_rgb(row, header, channels), *(_color(row, header, column) for column in colors)], row, "colors"),
            row.where,
            _only([_yes_or_no(row, header, column) for column in things if row.cells[column]], row, "answers"),
        )
        for row in table
    ]


class _Columns(NamedTuple):
    name: int
    ids: list[int]
    channels: list[int]
    colors: list[int]
    things: list[int]


def _find_columns(header: Sequence[str], rows: Sequence[Row]) -> _Columns:
    keys = [_key(cell) for cell in header]
    columns = [[row.cells[i] for row in rows] for i in range(len(keys))]
    numbers = [all(map(_is_whole, cells)) for cells in columns]
    names = [i for key in _NAMES for i, given in enumerate(keys) if given == key and not numbers[i]]
    if not names and keys.count("name") == 1:
        names = [keys.index("name")]  # classes that are called 1, 2, 3
    ids = [i for i, key in enumerate(keys) if key in _IDS or (key in _NAMES and numbers[i] and i not in names)]
    channels = [i for channel in _CHANNELS for i, key in enumerate(keys) if key in channel]
    colors = [i for i, key in enumerate(keys) if key in _COLORS and any(columns[i])]
    if not names:
        raise ColumnsError(
            f"no column among {_listed(header)} holds names of classes: call it name, and the others id, r, g, b"
        )
    if channels and len(channels) != len(_CHANNELS):
        missing = [channel[0] for channel in _CHANNELS if not any(key in channel for key in keys)]
        problem = f"column {' and '.join(missing)} is missing" if missing else "a column of r, g, b is there twice"
        raise ColumnsError(f"{problem} among {_listed(header)}: a color needs r, g, b")
    unknown = [i for i, key in enumerate(keys) if key not in _KNOWN and any(columns[i])]
    values = [i for i in unknown if all(map(_is_byte, columns[i]))]
    guesses = [i for i in unknown if all(map(_is_color, columns[i]))] + (values if len(values) >= 3 else [])
    guesses = [] if channels or colors else guesses
    if not ids:
        guesses += [i for i in values if _could_be_ids(columns[i])]
    if guesses:
        raise ColumnsError(
            f"column {header[guesses[0]] or guesses[0] + 1} holds values of an unknown meaning: call it id, r, g, b or "
            "color, or remove it"
        )
    things = [i for i, key in enumerate(keys) if key in _THINGS and any(columns[i])]
    return _Columns(names[0], ids, channels, colors, things)


def _guess_header(rows: Sequence[Row]) -> list[str]:
    """Returns names for the columns of a table without header, by what their cells hold."""
    width = max(len(row.cells) for row in rows)
    columns = [[row.cells[i] if i < len(row.cells) else "" for row in rows] for i in range(width)]
    numbers = [i for i, cells in enumerate(columns) if all(map(_is_whole, cells))]
    colors = [i for i, cells in enumerate(columns) if i not in numbers and all(map(_is_color, cells))]
    texts = [i for i in range(width) if i not in {*numbers, *colors}]
    unclear = ColumnsError(
        f"the first row ({_listed(rows[0].cells)}) is no header row, and without one the meaning of the columns is not "
        "clear: begin the file with one, such as id,name,r,g,b"
    )
    if len(texts) != 1 or len(colors) > 1 or any(len(row.cells) != width for row in rows):
        raise unclear
    guess = [""] * width
    guess[texts[0]] = "name"
    if colors:
        guess[colors[0]] = "color"
    elif len(numbers) >= 3:
        runs = [i for i in numbers if {i, i + 1, i + 2} <= {*numbers}]
        if len(runs) == 2 and [int(float(cell)) for cell in columns[runs[0]]] == [*range(len(rows))]:
            runs = runs[1:]  # four columns of numbers, and the first counts the rows
        if len(runs) != 1:
            raise unclear
        guess[runs[0] : runs[0] + 3] = ["r", "g", "b"]
    rest = [i for i in numbers if not guess[i]]
    if len(rest) > 1 or any(len({*columns[i]}) < len(rows) for i in rest):
        raise unclear
    for i in rest:
        guess[i] = "id"
    return guess


def _key(cell: str) -> str:
    return re.sub(r"[^a-z0-9]", "", cell.casefold())


def _is_whole(cell: str) -> bool:
    return _WHOLE.fullmatch(cell) is not None


def _is_color(cell: str) -> bool:
    return (cell.startswith(("#", "0x")) and bool(_HEX.fullmatch(cell))) or bool(_match_triple(cell))


def _match_triple(cell: str) -> re.Match[str] | None:
    return _TRIPLE.fullmatch(" ".join(cell.split()))


def _is_byte(cell: str) -> bool:
    return _is_whole(cell) and 0 <= int(float(cell)) <= 255


def _could_be_ids(cells: Sequence[str]) -> bool:
    values = [int(float(cell)) for cell in cells]
    return len({*values}) == len(values) and values != [*range(len(values))]


def _name(row: Row, header: Sequence[str], column: int) -> str:
    name = " ".join(row.cells[column].split())  # other spaces look the same
    if not name:
        raise ColumnsError(f"{row.where}, column {header[column]} is empty: name the class, or remove the row")
    return name


def _whole(row: Row, header: Sequence[str], column: int, largest: int) -> int:
    cell = row.cells[column]
    if not _is_whole(cell) or not -1 <= int(float(cell)) <= largest:
        raise ColumnsError(
            f"{row.where}, column {header[column] or column + 1}: {cell[:60]!r} is not a whole number from 0 to "
            f"{largest}: fix it"
        )
    return int(float(cell))


def _rgb(row: Row, header: Sequence[str], channels: Sequence[int]) -> list[Color]:
    if not channels:
        return []
    red, green, blue = (_whole(row, header, column, 255) for column in channels)
    if min(red, green, blue) < 0:
        raise ColumnsError(f"{row.where}: the color {red}, {green}, {blue} has values below 0: fix it")
    return [(red, green, blue)]


def _color(row: Row, header: Sequence[str], column: int) -> Color:
    cell = row.cells[column]
    if match := _HEX.fullmatch(cell):
        digits = match[1] or "".join(digit * 2 for digit in match[2])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    match = _match_triple(cell)
    if match is None or max(int(value) for value in match.groups()) > 255:
        raise ColumnsError(
            f"{row.where}, column {header[column]}: {cell[:60]!r} is not a color: write #RRGGBB or red, green, blue "
            "from 0 to 255"
        )
    return int(match[1]), int(match[2]), int(match[3])


def _yes_or_no(row: Row, header: Sequence[str], column: int) -> bool:
    cell = row.cells[column].casefold()
    if cell not in (*_YES, *_NO):
        raise ColumnsError(f"{row.where}, column {header[column]}: {cell[:60]!r} is neither 1 nor 0: fix it")
    return cell in _YES


def _only(values: Sequence[T], row: Row, what: str) -> T | None:
    """Returns the one value that all columns of a kind agree on."""
    if len({*values}) > 1:
        raise ColumnsError(
            f"{row.where} has two {what} ({' and '.join(str(value) for value in dict.fromkeys(values))}): remove the "
            "column that the masks do not follow"
        )
    return values[0] if values else None


def _listed(cells: Sequence[str]) -> str:
    return ", ".join(cell or "(empty)" for cell in cells[:8])
