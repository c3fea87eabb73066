"""Write the ranked regions as a table, and print the first ones."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segdrone.audit.run import Audit
from segdrone.utils.atomic import atomic_write
from segdrone.utils.console import one_line

COLUMNS = ("rank", "photograph", "left", "top", "width", "height", "pixels", "class", "suggested", "score", "model")
"""Of audit.csv; `score` is the probability of the class, `model` the same without what other regions taught."""

_FIRST = 10


def rows(found: Audit) -> Iterator[tuple[object, ...]]:
    """Yields the regions, the most doubtful first, by `COLUMNS`."""
    names, scores, suggested = found.table.names, found.scores, found.suggested
    for i, label in enumerate(found.labels.tolist()):
        top, left, height, width = found.window(i)
        yield (
            i + 1, found.pairs[found.photographs[i]].id, left, top, width, height, int(found.areas[i]),
            names[label], names[suggested[i]], f"{scores[i]:.4g}", f"{found.own[i, label]:.4g}",
        )  # fmt: skip


def write_csv(found: Audit, path: Path) -> None:
    """Writes the regions to a CSV file, whole or not at all."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(COLUMNS)
        writer.writerows(rows(found))


def print_summary(found: Audit) -> None:
    """Prints how many regions were judged, and the first ones."""
    console = Console()
    console.print(
        f"{len(found.labels)} labeled regions of {len(found.pairs)} photographs, the most doubtful first:",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    table = Table()
    for title in ("rank", "photograph", "at (left, top)", "pixels", "class", "suggested", "score"):
        is_name = title in ("photograph", "class", "suggested")
        table.add_column(title, overflow="fold", no_wrap=not is_name)  # a narrow console folds names, and cuts none
    for _, row in zip(range(_FIRST), rows(found), strict=False):
        rank, name, left, top, _, _, pixels, given, suggested, score, _ = row
        texts = (escape(one_line(text)) for text in (name, given, suggested))
        name, given, suggested = texts
        table.add_row(str(rank), name, f"{left}, {top}", str(pixels), given, suggested, str(score))
    console.print(table)
