"""Print the scores of an evaluation as tables."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segdrone.evaluation.bootstrap import MIN_IMAGES
from segdrone.evaluation.compare import Comparison
from segdrone.evaluation.scores import OVERALL_SCORES

_CLASS_COLUMNS = {
    "iou": "IoU", "boundary_iou": "boundary", "dice": "Dice", "precision": "precision", "recall": "recall",
}  # fmt: skip


def print_scores(metrics: dict[str, Any], title: str) -> None:
    """Prints the overall scores with their intervals, and a table of the classes, most frequent first.

    Args:
        metrics: The content of `metrics.json`.
        title: What was scored.
    """
    console = Console()
    console.print(f"\n[bold]{escape(title)}[/bold]", soft_wrap=True, highlight=False)
    overall = Table(show_header=False)
    for key, label in OVERALL_SCORES.items():
        if metrics[key] is not None:
            overall.add_row(label, f"{metrics[key]:.4f}", _interval(metrics["intervals"][key]))
    console.print(overall)
    if metrics["photographs"] > 1:
        narrow = f", too narrow: fewer than {MIN_IMAGES} photographs" if metrics["photographs"] < MIN_IMAGES else ""
        level = f"{100 * metrics['level']:.0f} %"
        console.print(f"[dim]to: {level} intervals over photographs (bootstrap){narrow}[/dim]", soft_wrap=True)
    classes = Table("class", *(f"{label:>6}" for label in _CLASS_COLUMNS.values()), "truth %")
    for name, values in sorted(metrics["classes"].items(), key=lambda item: -(item[1]["truth_share"] or 0)):
        share = f"{100 * (values['truth_share'] or 0):>7.2f}"
        classes.add_row(escape(name), *(_number(values[key]) for key in _CLASS_COLUMNS), share)
    console.print(classes)
    if metrics["objects"] is not None and metrics["objects"]["map"] is not None:
        rows = metrics["objects"]["classes"].values()
        truth, found = (sum(row[key] for row in rows) for key in ("truth", "found"))
        ranked = "" if metrics["reliability"] is not None else " (ranked by area, as the confidence is unknown)"
        console.print(
            f"objects: {found} of {truth} found, mAP {metrics['objects']['map']:.4f}{ranked}",
            highlight=False,
            soft_wrap=True,
        )
    if (panoptic := metrics["panoptic"]) is not None and panoptic["pq_things"] is not None:
        line = (
            f"panoptic quality: {panoptic['pq']:.4f}, of things {panoptic['pq_things']:.4f} (true things: "
            f"{panoptic['truth']}, predicted ones: {panoptic['prediction']})"
        )
        if panoptic["components"] is not None and panoptic["components"]["pq_things"] is not None:
            line += f"; of things as connected components {panoptic['components']['pq_things']:.4f}"
        console.print(line, highlight=False, soft_wrap=True)
    for warning in metrics.get("warnings", []):
        console.print(f"[yellow]warning:[/yellow] {escape(warning)}", soft_wrap=True, highlight=False)


def print_comparison(comparison: Comparison) -> None:
    """Prints the differences between two evaluations as tables, and the verdict as a sentence."""
    console = Console()
    for heading, rows in (("score", comparison.overall), ("IoU of class", comparison.classes)):
        table = Table(heading, "first", "second", "change", "interval", "second is")
        for row in rows:
            low, high = row["interval"]
            numbers = [f"{row['first']:.4f}", f"{row['second']:.4f}", f"{row['difference']:+.3f}"]
            table.add_row(escape(row["name"]), *numbers, f"{low:+.3f} to {high:+.3f}", row["verdict"])
        console.print(table)
    console.print(escape(f"{comparison.sentence}."), soft_wrap=True, highlight=False)


def _interval(ends: list[float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.4f} to {ends[1]:.4f}"


def _number(value: float | None) -> str:
    return "absent" if value is None else f"{value:.4f}"
