"""The result of an import, and its table on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segdrone.classes import ClassTable


@dataclass(frozen=True)
class ImportSummary:
    """What an import wrote and what it skipped.

    Attributes:
        annotation_format: Format of the annotations, one of `ANNOTATION_FORMATS`.
        out: Folder of the dataset.
        table: Its classes.
        photographs: Number of photographs written, each with its mask.
        shapes: Number of shapes per class, int64 `[C]`.
        pixels: Number of pixels per mask value, int64 `[256]`.
        skipped: Counts of what was not imported, by description.
        splits: Number of photographs per split, if the export has a split.
        notes: Further lines for the user.
    """

    annotation_format: str
    out: Path
    table: ClassTable
    photographs: int
    shapes: NDArray[np.int64]
    pixels: NDArray[np.int64]
    skipped: Mapping[str, int]
    splits: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()


def print_summary(summary: ImportSummary) -> None:
    """Prints what was written, the classes by their share of the pixels, and what was skipped."""
    console = Console()
    console.print(
        f"{summary.photographs} photographs with masks of {summary.shapes.sum()} shapes "
        f"({summary.annotation_format}) in {summary.out}",
        soft_wrap=True, highlight=False, markup=False,
    )  # fmt: skip
    table, total = summary.table, summary.pixels.sum()
    rows = [*enumerate(table.names), (table.ignore_index, "ignored")]
    classes = Table("id", "class", f"{'shapes':>9}", f"{'pixels %':>9}")
    for i, name in sorted(rows, key=lambda row: -summary.pixels[row[0]]):
        shapes = str(summary.shapes[i]) if i < len(table) else ""
        classes.add_row(str(i), Text(name), f"{shapes:>9}", f"{100 * summary.pixels[i] / total:9.2f}")
    console.print(classes)
    lines = [f"skipped: {count} {description}" for description, count in summary.skipped.items()]
    if summary.splits:
        counts = ", ".join(f"{count} {split}" for split, count in summary.splits.items())
        lines.append(f"split as the export says: {counts} (train.txt, val.txt, test.txt)")
    for line in [*lines, *summary.notes]:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
