"""Read a class table from a file of any common form."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from segdrone.class_files.columns import ColumnsError, Entry, Row, is_header, is_value, read_entries
from segdrone.class_files.json_table import read_json_rows
from segdrone.class_files.text import SEPARATORS, Grid, is_comment, read_grids, read_text
from segdrone.classes import BUILT_IN, IGNORE_INDEX, ClassTable, generate_colors
from segdrone.errors import DataError
from segdrone.utils.digest import file_state

log = logging.getLogger(__name__)

_LONGEST_NAME, _MOST_WORDS = 60, 5  # characters and words, in a file of nothing but names
_IGNORED = ("ignored", "ignore", "__ignore__")  # names that say it of any id
_NO_LABEL = (
    *_IGNORED, "void", "unlabeled", "unlabelled", "unlabel", "unknown", "undefined", "none", "nodata", "no data",
    "no-data", "no_data", "no label", "no_label", "border", "boundary", "ambiguous", "don't care", "dontcare",
)  # fmt: skip
"""Names that a row of id 255 or -1 has if it is no class."""


def means_no_label(name: str) -> bool:
    """Whether a name says that pixels have no label, whatever their id.

    Example:
        >>> means_no_label("Unlabeled"), means_no_label("grass")
        (True, False)
    """
    return name.strip().lower() in _NO_LABEL


def load_class_table(source: str | Path) -> ClassTable:
    """Returns the built-in table of this name (`drone`), or reads the file at this path.

    Raises:
        DataError: As `read_class_table`.

    Example:
        >>> load_class_table("drone").names[:3]
        ('unlabeled', 'paved-area', 'dirt')
    """
    return BUILT_IN[str(source)] if str(source) in BUILT_IN else read_class_table(Path(source))


def read_class_table(path: str | Path) -> ClassTable:
    """Reads a class table: CSV with any usual separator and encoding, `labelmap.txt`, a list of names, or JSON.

    Columns are found by their names (`name`, `id`, `r`, `g`, `b`, `color`, `thing` and their usual synonyms), without a
    header row by what they hold. Without ids, a class has the position of its row, and without colors it gets one; a
    list of names that begins with `__ignore__` counts from -1, as LabelMe's `labels.txt` does. Rows named `ignored`,
    and rows of id 255 named `void` or the like, are no classes but pixels without a label.

    Raises:
        DataError: The file is missing, cannot be read as classes, or could be read in two ways.
    """
    path = Path(path)
    return _read(path, tuple(file_state(path)))


@lru_cache(maxsize=64)
def _read(path: Path, version: object) -> ClassTable:
    """Reads a version of a file once, so that what was chosen is said once."""
    text, encoding = read_text(path)
    problem = f"class table {path} cannot be read"
    try:
        if text.lstrip().startswith(("{", "[{", '["', "[\n", "[ ")) or path.suffix.lower() == ".json":
            return _build(path, read_entries(*read_json_rows(text)))
        problem += f" as {encoding}"
        entries = _read_lines(text)
        if entries[0].id is None and entries[0].color is None:
            _check_no_gap(text)
        return _build(path, entries)
    except (ColumnsError, csv.Error, ValueError) as error:  # csv refuses some separators
        raise DataError(f"{problem}: {error}") from None
    except DataError as error:
        raise DataError(f"class table {path}: {error}") from None


def _check_no_gap(text: str) -> None:
    """Checks that there is no empty line between names, whose places are ids.

    Raises:
        ColumnsError: There is one.
    """
    lines = [line.strip(" \t,;|") for line in text.splitlines()]
    filled = [i for i, line in enumerate(lines) if line and not is_comment(line)]
    if (empty := next((i for i in range(filled[0], filled[-1]) if not lines[i]), None)) is not None:
        raise ColumnsError(
            f"line {empty + 1} is empty, but the id of a class is its place among the names: remove the line if the "
            "masks count on without it, or give a table with the columns id and name"
        )


def _read_lines(text: str) -> list[Entry]:
    """Reads the table with every separator that may be meant, and returns the only result."""
    readings: dict[str, list[Entry]] = {}
    errors: list[tuple[bool, int, str]] = []
    for grid in read_grids(text):
        try:
            readings[SEPARATORS.get(grid.separator, grid.separator)] = _read_grid(grid)
        except (ColumnsError, csv.Error) as error:
            header = bool(grid.lines) and is_header(grid.lines[0].cells)
            width = max((len(line.cells) for line in grid.lines), default=0)
            named = SEPARATORS.get(grid.separator, grid.separator)
            separated = f" with the separator {named} ({grid.separator.strip() or repr(grid.separator)})"
            errors.append((header, width, f"{separated if width > 1 else ''}: {error}".strip(": ")))
    if not readings:
        raise ColumnsError(max(errors)[2] if errors else "it is empty: give the names of the classes")
    if "space" in readings:
        return readings["space"]
    results = [*readings.values()]
    if any(result != results[0] for result in results):
        raise ColumnsError(
            f"it can be read with the separator {' and with the separator '.join(readings)}: use one only"
        )
    return results[0]


def _read_grid(grid: Grid) -> list[Entry]:
    if not grid.lines:
        raise ColumnsError("it is empty: give the names of the classes")
    first, *rest = grid.lines
    has_header = is_header(first.cells)
    header = first.cells if has_header else grid.comment if _names_columns(grid) else None
    lines = rest if has_header else grid.lines
    if not lines:
        raise ColumnsError("it has a header row and no classes: add 1 to 255 rows")
    if max(len(line.cells) for line in grid.lines) == 1 and any(set(line.cells[0]) & set(";\t|,") for line in lines):
        raise ColumnsError("its lines hold another separator")
    if header is None and any(len(line.cells) == 1 and not _could_be_name(line.cells[0]) for line in lines):
        raise ColumnsError(
            "its lines are too long for names of classes, or hold numbers only: give a table with the columns id, "
            "name, r, g, b"
        )
    return read_entries(header, [Row(f"line {number}", cells) for number, cells in lines])


def _could_be_name(text: str) -> bool:
    words = text.split()
    return len(text) <= _LONGEST_NAME and len(words) <= _MOST_WORDS and not all(map(is_value, words))


def _names_columns(grid: Grid) -> bool:
    return is_header(grid.comment) and len(grid.comment) >= max(len(line.cells) for line in grid.lines)


def _build(path: Path, entries: Sequence[Entry]) -> ClassTable:
    """Turns entries into a table: ids in ascending order, and what is no class apart."""
    ids = _ids(entries)
    ignored = [_is_ignored(entry, id_) for entry, id_ in zip(entries, ids, strict=True)]
    rows = sorted((id_, entry) for id_, entry, skip in zip(ids, entries, ignored, strict=True) if not skip)
    unlabeled = [(id_, entry) for id_, entry, skip in zip(ids, entries, ignored, strict=True) if skip]
    values, names = [id_ for id_, _ in rows], tuple(entry.name for _, entry in rows)
    given = [entry.color for _, entry in rows if entry.color is not None]
    colors = tuple(given) if len(given) == len(rows) else generate_colors(len(rows))
    ignored_colors = tuple(entry.color for _, entry in unlabeled if entry.color is not None)
    if shared := [entry for _, entry in unlabeled if entry.color in given]:
        raise ColumnsError(f"{shared[0].where} ({shared[0].name}) has the color of a class: give it its own")
    if names and entries[0].id is None and entries[0].color is None and path.suffix.lower() != ".json":
        log.warning(
            "class table %s has names only, taken as ids %d (%s) to %d (%s): if masks have other ids, replace it by a "
            "CSV file with the columns id,name", path, values[0], names[0], values[-1], names[-1],
        )  # fmt: skip
    if unlabeled:
        log.info("%s in %s: pixels without a label", ", ".join(entry.name for _, entry in unlabeled), path)
    return ClassTable(
        names,
        colors,
        mask_values=None if values == [*range(len(values))] else tuple(values),
        ignored_values=tuple(id_ for id_, _ in unlabeled if 0 <= id_ != IGNORE_INDEX),
        ignored_colors=ignored_colors,
        things=_things([entry for _, entry in rows]),
    )


def _things(entries: Sequence[Entry]) -> tuple[str, ...] | None:
    """Returns the names of the thing classes; None if the file does not say."""
    if all(entry.thing is None for entry in entries):
        return None
    return tuple(entry.name for entry in entries if entry.thing)


def _ids(entries: Sequence[Entry]) -> list[int]:
    first = -1 if _is_of_labelme(entries[0]) else 0
    ids = [position if entry.id is None else entry.id for position, entry in enumerate(entries, first)]
    for entry, id_ in zip(entries, ids, strict=True):
        if id_ > IGNORE_INDEX:
            raise ColumnsError(
                f"{entry.where} ({entry.name}) has the id {id_}, masks hold 0 to 255: give the ids of the masks, or "
                "remove the ids if the masks hold colors"
            )
    repeated = [id_ for id_, count in Counter(ids).items() if count > 1]
    if repeated:
        where = [entry.where for entry, id_ in zip(entries, ids, strict=True) if id_ == repeated[0]]
        raise ColumnsError(f"{' and '.join(where)} have the same id {repeated[0]}: ids must differ")
    return ids


def _is_of_labelme(first: Entry) -> bool:
    """Whether a list of names begins as LabelMe's `labels.txt`, whose first id is -1 (`labelme2voc`)."""
    return first.id is None and first.color is None and first.name == "__ignore__"


def _is_ignored(entry: Entry, id_: int) -> bool:
    name = entry.name.casefold()
    if id_ < 0 and name not in _NO_LABEL:
        raise ColumnsError(f"{entry.where} ({entry.name}) has the id {id_}: masks hold 0 to 255; fix or remove it")
    return name in (_NO_LABEL if id_ in (-1, IGNORE_INDEX) else _IGNORED)
