"""Report what `measure_parity` found: as JSON, on the screen, and as a page in the form of the evaluation's report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segdrone.classes import ClassTable
from segdrone.data import SegmentationDataModule
from segdrone.evaluation.bootstrap import CONFIDENCE_LEVEL
from segdrone.evaluation.html_report import write_page
from segdrone.evaluation.provenance import describe_run
from segdrone.export.parity import CHECKPOINT, SPLIT, ExportedFile, measure_parity
from segdrone.export.source import ExportSource
from segdrone.utils.atomic import write_json

PARITY_FILES = ("parity.json", "parity.html")

Model = Mapping[str, Any]
Cell = tuple[float | None, str]

_NO_VALUE = "\N{EN DASH}"
_MOST_LOST = 3  # classes
_SHOWN = 0.0005  # differences below it are 0 as they are printed


def write_parity(
    source: ExportSource,
    files: Sequence[ExportedFile],
    photographs: SegmentationDataModule | None,
    warnings: Sequence[str],
    folder: Path,
    *,
    progress: bool = True,
) -> dict[str, Any]:
    """Compares exported files with their checkpoint, and writes `parity.json` and `parity.html`.

    Args:
        source: The checkpoint.
        files: The files.
        photographs: Those to score; None compares nothing.
        warnings: Warnings of this export; more may be added meanwhile.
        folder: Where to write.
        progress: Whether to show progress bars on stderr.

    Returns:
        The content of `parity.json`.
    """
    parity = measure_parity(source, files, photographs, progress=progress)
    pairs = [] if photographs is None else photographs.splits[SPLIT]
    provenance = describe_run(pairs, torch.device("cpu"), checkpoint=str(source.path.resolve()))
    if not pairs:
        del provenance["data_fingerprint"]
    parity |= {"warnings": [*warnings], "provenance": provenance}
    number = f", compared on {len(pairs)} photograph{'' if len(pairs) == 1 else 's'}" if pairs else ""
    write_json(parity, folder / PARITY_FILES[0])
    _write_page(parity, f"{source.path.name}{number}", source.spec.classes, folder / PARITY_FILES[1])
    return parity


def print_parity(parity: Mapping[str, Any]) -> None:
    """Prints the content of `parity.json` as tables, and which classes lost most."""
    console = Console()
    compared = bool(parity["photographs"])
    for columns in ([*_COST, *_AGREEMENT], [_COST[0], *_SCORES]) if compared else (_COST,):
        caption = None if compared else "nothing was compared on photographs"
        table = Table(*(heading for heading, _ in columns), caption=caption)
        table.columns[0].no_wrap = True
        for model in parity["models"]:
            table.add_row(*(escape(cell(model)[1]) for _, cell in columns))
        console.print(table)
    height, width = parity["timed_size"]
    console.print(f"[dim]ms: a window of {width} x {height} pixels on CPU[/dim]", highlight=False)
    for warning in parity["warnings"]:
        console.print(f"[yellow]warning:[/yellow] {escape(warning)}", soft_wrap=True, highlight=False)
    for model in parity["models"]:
        if lost := most_lost(model):
            classes = ", ".join(f"{row['name']} {_signed(row['difference'])}" for row in lost)
            console.print(escape(f"{model['name']} lost most: {classes}"), soft_wrap=True, highlight=False)


def _write_page(parity: Mapping[str, Any], title: str, table: ClassTable, path: Path) -> None:
    """Writes the content of `parity.json` as one HTML file that loads nothing."""
    scored = [model for model in parity["models"] if model["scores"] is not None]
    write_page(
        path, "parity.html", "export", title, table, parity["provenance"],
        parity=parity,
        findings=[_finding(model) for model in parity["models"][1:]],
        costs=_COST,
        columns=[_COST[0], *_AGREEMENT, *_SCORES[:-1]],  # the verdicts stand above
        scored=scored,
        compared=any(model["comparison"] for model in scored),
        classes=_class_rows(scored),
        inference=None,
    )  # fmt: skip


def most_lost(model: Model) -> list[dict[str, Any]]:
    """Returns the rows of the classes whose IoU fell most, at most three, the largest loss first."""
    rows = model["comparison"]["classes"] if model["comparison"] else []
    return sorted((row for row in rows if row["difference"] <= -_SHOWN), key=_difference)[:_MOST_LOST]


def _difference(row: Mapping[str, Any]) -> float:
    return float(row["difference"])


def _finding(model: Model) -> dict[str, Any]:
    """Returns the verdict on a file, as a sentence in parts."""
    sentence = ""
    if model["comparison"]:
        miou = model["comparison"]["overall"][0]
        low, high = miou["interval"]
        sentence = (
            f"mIoU {miou['second']:.4f} against {miou['first']:.4f}, a change of {_signed(miou['difference'], 4)} "
            f"({100 * CONFIDENCE_LEVEL:.0f} % interval {_signed(low, 4)} to {_signed(high, 4)}); "
            f"{_share(model['agreement'])} of the pixels have the same class"
        )
    lost = [{"name": row["name"], "text": _signed(row["difference"])} for row in most_lost(model)]
    return {"name": model["name"], "verdict": _verdict_text(model), "sentence": sentence, "lost": lost}


def _class_rows(scored: list[Model]) -> list[dict[str, Any]]:
    """Returns a row per class that occurs: its IoU with the checkpoint, and the change with each file."""
    if not scored:
        return []
    present = [name for name, iou in scored[0]["iou"].items() if any(m["iou"][name] is not None for m in scored)]
    return [
        {"name": name, "iou": scored[0]["iou"][name], "changes": [_change(name, m, scored[0]) for m in scored[1:]]}
        for name in present
    ]


def _change(name: str, model: Model, checkpoint: Model) -> dict[str, Any]:
    before, after = checkpoint["iou"][name], model["iou"][name]
    if before is None or after is None:
        return {"difference": None, "text": _NO_VALUE, "certain": False, "title": ""}
    rows = {row["name"]: row for row in model["comparison"]["classes"]} if model["comparison"] else {}
    certain, title = False, ""
    if name in rows:
        low, high = rows[name]["interval"]
        certain, title = rows[name]["verdict"] != "cannot tell", f"interval {_signed(low)} to {_signed(high)}"
    return {"difference": after - before, "text": _signed(after - before), "certain": certain, "title": title}


def _value(key: str, form: Callable[[float], str]) -> Callable[[Model], Cell]:
    """Returns a cell of a value of the model; `/` divides the keys of dicts in it."""

    def cell(model: Model) -> Cell:
        value: Any = model
        for part in key.split("/"):
            value = None if value is None else value[part]
        return value, _NO_VALUE if value is None else form(value)

    return cell


def _change_of_miou(model: Model) -> Cell:
    if not model["comparison"]:
        return None, _NO_VALUE
    difference = model["comparison"]["overall"][0]["difference"]
    return difference, _signed(difference, 4)


def _interval(model: Model) -> Cell:
    if not model["comparison"]:
        return None, _NO_VALUE
    low, high = model["comparison"]["overall"][0]["interval"]
    return low, f"{_signed(low, 4)} to {_signed(high, 4)}"


def _verdict(model: Model) -> Cell:
    return None, _NO_VALUE if model["name"] == CHECKPOINT else _verdict_text(model)


def _verdict_text(model: Model) -> str:
    if model["verdict"]:
        return str(model["verdict"])
    if model["seconds"] is None:
        return "not run here"
    return "one photograph only" if model["scores"] else "not compared"


def _signed(difference: float, digits: int = 3) -> str:
    """Formats a difference; one that rounds to 0 has no sign."""
    text = f"{difference:+.{digits}f}"
    return text if float(text) else text[1:]


def _share(value: float) -> str:
    """Formats a share close to 1: it is rounded down, so that 100 % means all."""
    return f"{int(value * 1e5) / 1e3:.3f} %"


def _name(model: Model) -> Cell:
    return None, model["name"]


_COST = (
    ("format", _name),
    ("size (MB)", _value("bytes", lambda value: f"{value / 1e6:.1f}")),
    ("ms", _value("seconds", lambda value: f"{1000 * value:.1f}")),
    ("memory (MB)", _value("memory", lambda value: f"{value / 1e6:.0f}")),
)
_AGREEMENT = (
    ("largest difference", _value("largest_difference", lambda value: f"{value:.2g}")),
    ("same class", _value("agreement", _share)),
)
_SCORES = (
    ("mIoU", _value("scores/miou", lambda value: f"{value:.4f}")),
    ("change", _change_of_miou),
    (f"{100 * CONFIDENCE_LEVEL:.0f} % interval", _interval),
    ("boundary mIoU", _value("scores/boundary_miou", lambda value: f"{value:.4f}")),
    ("calibration error", _value("scores/ece", lambda value: f"{value:.4f}")),
    ("verdict", _verdict),
)
