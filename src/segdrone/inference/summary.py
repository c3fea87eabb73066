"""Write `summary.csv` with a row per photograph, and `totals.csv` with a row per class."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from segdrone.inference.outputs import FIRST_COLUMNS, Outputs
from segdrone.utils.atomic import atomic_write
from segdrone.utils.regular_file import open_regular

SUMMARY, TOTALS = "summary.csv", "totals.csv"

_NUMBER = re.compile(r"\d{1,9}|-?\d{1,9}\.\d{6}")

Row = Mapping[str, str]


def csv_line(cells: Iterable[str]) -> str:
    """Returns a line of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # only what ends lines is quoted, and names may hold both
    return text.getvalue().removesuffix("\r\n") + "\n"


def read_lines(path: Path) -> list[list[str]]:
    """Returns the cells of all lines of a CSV file but an unfinished last one; nothing if it cannot be read."""
    try:
        with open_regular(path) as file:
            text = file.read().decode("utf-8-sig", errors="surrogateescape")
        return [*csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))]
    except (OSError, csv.Error):
        return []


def is_summary(path: Path) -> bool:
    """Whether a file begins as `summary.csv` does, for any classes."""
    return any(line[: len(FIRST_COLUMNS)] == [*FIRST_COLUMNS] for line in read_lines(path)[:1])


def is_row(row: Row, outputs: Outputs) -> bool:
    """Whether a row has the columns of the outputs, and numbers where they have numbers."""
    texts, columns = ("path", "mask", "digest", "captured", "gsd_source"), outputs.columns
    optional = columns[columns.index("captured") :]  # cells that are empty where a statistic is unknown
    return [*row] == columns and all(
        _NUMBER.fullmatch(str(cell)) or (cell == "" and column in optional)
        for column, cell in row.items()
        if column not in texts
    )


def counted_twice(rows: Iterable[Row], given: Collection[str]) -> dict[str, str]:
    """Returns photographs that have a row by an earlier path too, such as that below their own folder, and this path.

    Args:
        rows: Rows of `summary.csv`.
        given: Paths of the photographs now.

    Example:
        >>> rows = [{"path": path, "digest": "9"} for path in ("a.jpg", "day1/a.jpg")]
        >>> counted_twice(rows, {"day1/a.jpg"})
        {'day1/a.jpg': 'a.jpg'}
    """
    rows = [*rows]
    earlier = {row["digest"]: row["path"] for row in rows if row["path"] not in given}
    return {row["path"]: earlier[row["digest"]] for row in rows if row["path"] in given and row["digest"] in earlier}


def write_lines(lines: Iterable[str], path: Path, *, sync: bool) -> None:
    """Writes lines, atomically; for `sync` see `atomic_write`."""
    with atomic_write(path, sync=sync) as partial:
        partial.write_text("".join(lines), encoding="utf-8", errors="surrogateescape", newline="")


def total_lines(outputs: Outputs, rows: Sequence[Row]) -> list[str]:
    """Returns the lines of `totals.csv`: one per class, with its share of all photographs together, and its objects.

    They are a file of their own, since programs that read `summary.csv` would take a total for a photograph.
    `share` is weighted by the pixels with data of each photograph, `photographs` counts those with the class.

    Args:
        outputs: What is written.
        rows: Rows of `summary.csv`.
    """
    objects = dict.fromkeys(outputs.objects, 0)
    shares, photographs = dict.fromkeys(outputs.table.names, 0.0), Counter[str]()
    pixels = [int(row["height"]) * int(row["width"]) * (1 - float(row["no_data"])) for row in rows]
    total = sum(pixels) or 1
    for row, weight in zip(rows, pixels, strict=True):
        for name in shares:
            share = float(row[f"share_{name}"])
            shares[name] += share * weight / total
            photographs[name] += share > 0
        for name in objects:
            objects[name] += int(row[f"objects_{name}"])
    return [
        csv_line(["class", "share", "photographs", "objects"]),
        *(
            csv_line([name, f"{share:.6f}", str(photographs[name]), str(objects.get(name, ""))])
            for name, share in shares.items()
        ),
    ]
