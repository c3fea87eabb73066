"""Write an evaluation as one HTML page."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.bootstrap import MIN_IMAGES
from segdrone.evaluation.html_report.matrix import SHADES, matrices, most_confused
from segdrone.evaluation.html_report.panels import make_panels
from segdrone.evaluation.html_report.plots import iou_bar, plot_image
from segdrone.evaluation.html_report.summary import key_findings, summary_scores
from segdrone.evaluation.html_report.thing_pictures import draw_thing_errors
from segdrone.evaluation.worst_things import ThingCrop
from segdrone.figures import ImageTruthPrediction
from segdrone.utils.atomic import atomic_write
from segdrone.utils.console import printable

_NO_VALUE = "\N{EN DASH}"
_MAX_OPEN_ROWS = 20  # a longer table of photographs is collapsed

# Plots of the page by their name in figures/, with the text for readers who cannot see them.
_PLOTS = {
    "reliability": "Accuracy of the pixels by confidence, and share of all pixels by confidence",
    "recall_by_size": "Share of objects found, by size",
    "loss": "Loss by epoch, training and validation",
    "miou": "Mean IoU by epoch, training and validation",
}


@dataclass(frozen=True)
class HtmlReport:
    """The content of the page.

    Attributes:
        title: What was scored, such as "54 photographs of the val split of /data/drone".
        table: The classes.
        metrics: The content of `metrics.json`.
        confusion: Pixels, int64 `[C, C]`, rows are the truth.
        photographs: One dict per photograph, worst first: `id`, `miou`, `accuracy` and `worst_class`, None if unknown.
        best: The best photographs, best first; their titles are their ids.
        worst: The worst photographs, worst first.
        things: The things that were split or merged worst.
        plots: Those of `reliability`, `recall_by_size`, `loss` and `miou` that could be drawn.
        provenance: What `describe_run` returned: `command`, `git_commit`, `python`, `packages`, `platform`, `device`,
            `data_fingerprint`, `config` and further details.
    """

    title: str
    table: ClassTable
    metrics: dict[str, Any]
    confusion: NDArray[np.int64]
    photographs: list[dict[str, Any]]
    best: list[ImageTruthPrediction]
    worst: list[ImageTruthPrediction]
    things: list[ThingCrop]
    plots: Mapping[str, Figure]
    provenance: dict[str, Any]


def write_html(report: HtmlReport, path: Path) -> None:
    """Writes a report as one HTML file of less than 15 MB that loads nothing and runs no script but its own."""
    metrics, table = report.metrics, report.table
    panels = make_panels([*report.best, *report.worst], table)
    best, worst = panels[: len(report.best)], panels[len(report.best) :]
    write_page(
        path, "page.html", "evaluation", report.title, table, report.provenance,
        metrics=metrics,
        level=_level(metrics),
        min_images=MIN_IMAGES,
        scores=summary_scores(metrics),
        findings=key_findings(metrics, report.photographs),
        classes=sorted(metrics["classes"].items(), key=lambda row: -(row[1].get("truth_share") or 0)),
        matrices=matrices(report.confusion, table),
        confusions=most_confused(report.confusion, table),
        plots=_plots(report.plots),
        thing_pictures=draw_thing_errors(report.things, table),
        panel_groups=[("best", "Best photographs", best), ("worst", "Worst photographs", worst)],
        photograph_scores={photograph["id"]: photograph for photograph in report.photographs},
        photographs=report.photographs,
        panel_numbers={panel.title: panel.number for panel in reversed(panels)},
        collapsed=len(report.photographs) > _MAX_OPEN_ROWS,
        inference=_to_text(metrics.get("inference")),
    )  # fmt: skip


def write_page(
    path: Path, template: str, kind: str, title: str, table: ClassTable, provenance: Mapping[str, Any], **content: Any
) -> None:
    """Writes a page of this folder's templates as one HTML file.

    Names of photographs and classes are escaped everywhere, and the Content-Security-Policy of the page forbids all
    scripts, styles and requests except those that it is written with.

    Args:
        path: The file.
        template: Name of the template, which extends `base.html`.
        kind: What the page is of, such as `evaluation`.
        title: What it shows.
        table: The classes.
        provenance: What `describe_run` returned.
        **content: Variables of the template.
    """
    style = _style(table)
    script = Markup(_read_asset("page.js"))
    page = _environment().get_template(template).render(
        kind=kind,
        title=title,
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        table=table,
        ids={name: i for i, name in enumerate(table.names)},
        provenance={key: value for key, value in provenance.items() if key not in ("packages", "config")},
        packages=provenance.get("packages") or {},
        config=_to_text(provenance.get("config")),
        **content,
    )  # fmt: skip
    with atomic_write(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("segdrone.evaluation", "html_report"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": _score, "percent": _percent, "sortable": _sortable, "count_error": _count_error}
    environment.globals["iou_bar"] = iou_bar
    return environment


def _printable(value: object) -> object:
    """Escapes control characters in names; they may even hold bytes that are no text."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _plots(drawn: Mapping[str, Figure]) -> dict[str, Markup | None]:
    return {name: plot_image(drawn[name], alt) if name in drawn else None for name, alt in _PLOTS.items()}


def _read_asset(name: str) -> str:
    return files("segdrone.evaluation.html_report").joinpath(name).read_text(encoding="utf-8")


def _style(table: ClassTable) -> Markup:
    """Returns the style sheet. It defines all colors, since the policy forbids styles on single elements."""
    shades = "".join(
        f".matrix td.heat{i}{{background:rgb({255 - 10.8 * i:.0f} {255 - 7.4 * i:.0f} {255 - 4.6 * i:.0f})}}"
        for i in range(SHADES + 1)
    )
    chips = "".join(f".class{i}{{background:rgb({r} {g} {b})}}" for i, (r, g, b) in enumerate(table.colours))
    return Markup(f"{_read_asset('page.css')}{shades}\n{chips}\n")


def _level(metrics: dict[str, Any]) -> str | None:
    """Returns the level of the intervals in percent; None if no score has an interval."""
    return f"{100 * metrics['level']:g}" if any((metrics.get("intervals") or {}).values()) else None


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _score(value: float | None) -> str:
    return _NO_VALUE if value is None or not math.isfinite(value) else f"{value:.3f}"


def _percent(value: float | None) -> str:
    """Formats a share in percent, with one decimal, or two if it is below 10 %."""
    if value is None or not math.isfinite(value):
        return _NO_VALUE
    if 0 < value < 5e-5:
        return "< 0.01 %"
    return f"{100 * value:.{1 if value >= 0.1 else 2}f} %" if value else "0 %"


def _sortable(value: float | str | None) -> str:
    """Returns the text that a column is sorted by; empty values come last."""
    if isinstance(value, str):
        return value
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def _count_error(row: Mapping[str, Any]) -> str:
    """Returns by which share the number of objects is wrong, with its interval, in percent; empty without objects."""
    if row["count_error"] is None:
        return ""
    ends = row["count_interval"]
    interval = f" ({100 * ends[0]:+.0f} to {100 * ends[1]:+.0f})" if ends else ""
    return f"{100 * row['count_error']:+.0f} %{interval}"


def _to_text(settings: Any) -> str | None:
    return json.dumps(settings, indent=2, ensure_ascii=False, default=str) if settings else None
