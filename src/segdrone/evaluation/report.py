"""What an evaluation leaves: a table on the screen, `metrics.json`, `per_class.csv`, pictures."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from segdrone import figures
from segdrone.classes import ClassTable
from segdrone.evaluation.scores import Scores
from segdrone.files import whole, write_json

_OVERALL = {
    "miou": "mIoU",
    "dice": "Dice / F1",
    "accuracy": "pixel accuracy",
    "miou_per_image": "mIoU per image",
    "accuracy_per_image": "accuracy per image",
}
_COLUMNS = ("class", "iou", "dice", "accuracy", "truth_share", "predicted_share")


def print_scores(scores: Scores, table: ClassTable, title: str) -> None:
    """Prints overall figures and the table of classes, most frequent first."""
    console = Console()
    console.print(f"\n[bold]{title}[/bold]", soft_wrap=True, highlight=False)
    overall = Table(show_header=False)
    for key, label in _OVERALL.items():
        overall.add_row(label, f"{getattr(scores, key):.4f}")
    console.print(overall)
    classes = Table("class", *(f"{column:>9}" for column in ("IoU", "Dice", "accuracy", "truth %", "predicted %")))
    for row in sorted(_rows(scores, table), key=lambda row: -float(row[4])):
        name, *values = row
        shown = [f"{v:.4f}" for v in values[:3]] + [f"{100 * v:.2f}" for v in values[3:]]
        classes.add_row(str(name), *(f"{'absent' if v == 'nan' else v:>9}" for v in shown))
    console.print(classes)


def write_scores(scores: Scores, table: ClassTable, folder: Path, **facts: Any) -> dict[str, Any]:
    """Writes `metrics.json` and `per_class.csv`.

    An absent class is null in the one and empty in the other.

    Args:
        scores: What to write.
        table: The classes.
        folder: Where to.
        **facts: What was scored, for `metrics.json`.

    Returns:
        The content of `metrics.json`.
    """
    metrics = {
        **{key: _plain(getattr(scores, key)) for key in _OVERALL},
        "iou": {name: _plain(value) for name, value in zip(table.names, scores.iou, strict=True)},
        "absent": [name for name, value in zip(table.names, scores.iou, strict=True) if math.isnan(value)],
        "photographs": len(scores.photographs),
        **facts,
    }
    write_json(metrics, folder / "metrics.json")
    with whole(folder / "per_class.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for name, *values in _rows(scores, table):
            writer.writerow([name, *("" if math.isnan(value) else f"{value:.6f}" for value in values)])
    return metrics


def draw_scores(
    counts: NDArray[np.int64], shown: Mapping[str, list[figures.Triple]], table: ClassTable, folder: Path
) -> None:
    """Draws `confusion.png`, and a picture of triples for each name of `shown`, such as `best`."""
    figures.save(figures.confusion(counts, table), folder / "confusion.png")
    for name, rows in shown.items():
        figures.save(figures.triples(rows, table), folder / f"{name}.png")


def _rows(scores: Scores, table: ClassTable) -> list[tuple[Any, ...]]:
    columns = (scores.iou, scores.class_dice, scores.class_accuracy, scores.truth_share, scores.predicted_share)
    return list(zip(table.names, *columns, strict=True))


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
