"""Write what an evaluation found as one page of HTML."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.bootstrap import MIN_IMAGES
from segdrone.evaluation.html_report import matrix, plots, summary
from segdrone.evaluation.html_report.panels import make_panels
from segdrone.figures import ImageTruthPrediction
from segdrone.utils.atomic import atomic_write

_NONE = "\N{EN DASH}"  # what stands where there is no figure
_FOLDED = 20  # photographs: a longer table of them is folded away


@dataclass(frozen=True)
class HtmlReport:
    """What the page is made of.

    Attributes:
        title: What was scored, such as "54 photographs of the val split of /data/drone".
        table: The classes.
        metrics: The content of `metrics.json`.
        confusion: Pixel counts, `[C, C]`, rows are the truth.
        photographs: Of each its `id`, `miou`, `accuracy` and `worst_class` (None where it has none),
            worst first.
        best: The best predicted photographs, best first; the title is the photograph's id.
        worst: The worst predicted, worst first.
        history: By epoch, counted from 0: `epoch` and such of `train/loss`, `val/loss`, `train/miou`,
            `val/miou` as are known; empty where nothing is.
        record: What made the figures: `command`, `git_commit`, `python`, `packages`, `platform`,
            `device`, `data_fingerprint`, `config`, and whatever else there is to say.
    """

    title: str
    table: ClassTable
    metrics: dict[str, Any]
    confusion: NDArray[np.int64]
    photographs: list[dict[str, Any]]
    best: list[ImageTruthPrediction]
    worst: list[ImageTruthPrediction]
    history: list[dict[str, float]]
    record: dict[str, Any]


def write_html(report: HtmlReport, path: Path) -> None:
    """Writes a report as one HTML file below 15 MB that loads nothing and runs no script but its own.

    Names of photographs and classes are text wherever they stand, and the page's own policy
    (Content-Security-Policy) forbids all scripts, styles and requests but the ones it is written with.
    """
    metrics, table = report.metrics, report.table
    style = _style(table)
    script = Markup(_asset("page.js"))
    shown = make_panels([*report.best, *report.worst], table)
    best, worst = shown[: len(report.best)], shown[len(report.best) :]
    environment = Environment(
        loader=PackageLoader("segdrone.evaluation", "html_report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": _score, "percent": _percent, "sortable": _sortable}
    environment.globals["iou_bar"] = plots.iou_bar
    page = environment.get_template("page.html").render(
        title=report.title,
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        table=table,
        metrics=metrics,
        level=_level(metrics),
        few=MIN_IMAGES,
        figures=summary.summary_scores(metrics),
        answers=summary.key_findings(metrics, report.photographs),
        classes=sorted(metrics["classes"].items(), key=lambda row: -(row[1].get("truth_share") or 0)),
        ids={name: place for place, name in enumerate(table.names)},
        matrices=matrix.matrices(report.confusion, table),
        taken=matrix.most_confused(report.confusion, table),
        reliability=plots.reliability(metrics["reliability"]) if metrics.get("reliability") else None,
        sizes=plots.recall_by_size(metrics["objects"]["sizes"]) if metrics.get("objects") else None,
        curves=plots.curves(report.history),
        pictures=[("best", "Best photographs", best), ("worst", "Worst photographs", worst)],
        scores={photograph["id"]: photograph for photograph in report.photographs},
        photographs=report.photographs,
        places={picture.title: picture.place for picture in reversed(shown)},
        folded=len(report.photographs) > _FOLDED,
        record={key: value for key, value in report.record.items() if key not in ("packages", "config")},
        packages=report.record.get("packages") or {},
        config=_written(report.record.get("config")),
        inference=_written(metrics.get("inference")),
    )
    with atomic_write(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")  # names of files need not be UTF-8


def _asset(name: str) -> str:
    return files("segdrone.evaluation.html_report").joinpath(name).read_text(encoding="utf-8")


def _style(table: ClassTable) -> Markup:
    """The style sheet; colours stand in it since the policy allows no style on an element."""
    shades = "".join(
        f".matrix td.heat{i}{{background:rgb({255 - 10.8 * i:.0f} {255 - 7.4 * i:.0f} {255 - 4.6 * i:.0f})}}"
        for i in range(matrix.SHADES + 1)
    )
    chips = "".join(f".class{i}{{background:rgb({r} {g} {b})}}" for i, (r, g, b) in enumerate(table.colours))
    return Markup(f"{_asset('page.css')}{shades}\n{chips}\n")


def _level(metrics: dict[str, Any]) -> str | None:
    """Percent of the intervals; None where there is no interval."""
    return f"{100 * metrics['level']:g}" if any((metrics.get("intervals") or {}).values()) else None


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _score(value: float | None) -> str:
    return _NONE if value is None or not math.isfinite(value) else f"{value:.3f}"


def _percent(value: float | None) -> str:
    """A share in percent, to a tenth, or a hundredth if it is small."""
    if value is None or not math.isfinite(value):
        return _NONE
    if 0 < value < 5e-5:
        return "< 0.01 %"
    return f"{100 * value:.{1 if value >= 0.1 else 2}f} %" if value else "0 %"


def _sortable(value: float | str | None) -> str:
    """What a column is sorted by; empty comes last."""
    if isinstance(value, str):
        return value
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def _written(settings: Any) -> str | None:
    return json.dumps(settings, indent=2, ensure_ascii=False, default=str) if settings else None
