"""What an import did, as a table on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segdrone.classes import ClassTable


@dataclass(frozen=True)
class ImportSummary:
    """What an import wrote and left out.

    Attributes:
        kind: The kind of annotations, one of `ANNOTATION_FORMATS`.
        out: The dataset's folder.
        table: Its classes.
        photographs: Photographs written, each with its mask.
        shapes: Shapes drawn of each class, int64 `[C]`.
        pixels: Pixels of each value in the masks, int64 `[256]`.
        left_out: How many of what was left out.
    """

    kind: str
    out: Path
    table: ClassTable
    photographs: int
    shapes: NDArray[np.int64]
    pixels: NDArray[np.int64]
    left_out: Mapping[str, int]


def print_summary(summary: ImportSummary) -> None:
    """Prints what was written, the classes by their share of the pixels, and what was left out."""
    console = Console()
    console.print(
        f"{summary.photographs} photographs with masks of {summary.shapes.sum()} shapes "
        f"({summary.kind}) in {summary.out}",
        soft_wrap=True, highlight=False, markup=False,
    )  # fmt: skip
    table, total = summary.table, summary.pixels.sum()
    rows = [*enumerate(table.names), (table.ignore_index, "ignored")]
    classes = Table("id", "class", f"{'shapes':>9}", f"{'pixels %':>9}")
    for i, name in sorted(rows, key=lambda row: -summary.pixels[row[0]]):
        shapes = str(summary.shapes[i]) if i < len(table) else ""
        classes.add_row(str(i), Text(name), f"{shapes:>9}", f"{100 * summary.pixels[i] / total:9.2f}")
    console.print(classes)
    for what, count in summary.left_out.items():
        console.print(f"left out: {count} {what}", soft_wrap=True, highlight=False, markup=False)
