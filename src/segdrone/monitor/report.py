"""Say what monitoring found: as JSON and on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segdrone.errors import shorten_list
from segdrone.inference.photo_statistics import describe_statistic
from segdrone.monitor.run import Monitoring

_SHOWN = 12  # statistics on the screen
_NAMED = 3  # classes in a sentence


def to_dict(found: Monitoring) -> dict[str, Any]:
    """Returns the content of `monitor.json`: docs/monitor.md explains its keys."""
    drift = found.drift
    return {
        "source": str(found.photographs.folder),
        "reference": found.origin,
        "photographs": drift.photographs,
        "reference_photographs": drift.reference_photographs,
        "alarm": drift.alarm,
        "false_alarms": drift.level,
        "score": drift.score,
        "causes": [asdict(cause) for cause in found.causes],
        "statistics": [{**asdict(column), "words": describe_statistic(column.column)} for column in drift.columns],
        "strangest": [
            {
                "path": found.photographs.paths[photograph.row],
                "distance": photograph.distance,
                "because": [f"{describe_statistic(name)} is {_HEIGHT[sign]}" for name, sign in photograph.columns],
            }
            for photograph in found.strange
        ],
    }


_HEIGHT = {1: "high", -1: "low"}


def verdict(report: Mapping[str, Any]) -> str:
    """Returns what was found, in a sentence."""
    compared = f"{report['photographs']} photographs beside {report['reference_photographs']} of the reference"
    if not report["alarm"]:
        return f"no drift: {compared}; no statistic differs by more than chance"
    drifted = sum(column["adjusted"] <= report["false_alarms"] for column in report["statistics"])
    causes = report["causes"]
    first = f"most likely {causes[0]['words']}" if causes else "of no known cause"
    number = f"{drifted} statistic{'s differ' if drifted > 1 else ' differs'} by more than chance"
    return f"drift, {first}: {compared}; {number}"


def print_report(report: Mapping[str, Any]) -> None:
    """Prints the content of `monitor.json` as a short table, and the verdict."""
    console = Console()
    table = Table("statistic")
    for name in ("reference", "now", "KS", "p", "PSI", "by chance"):
        table.add_column(name, no_wrap=True)  # a narrow console folds names, and leaves the numbers whole
    shown = [column for column in report["statistics"] if column["adjusted"] <= report["false_alarms"]]
    for column in (shown or report["statistics"])[:_SHOWN]:
        medians = (f"{column[key]:.3g}" for key in ("reference", "median"))
        p = "< 0.0001" if column["adjusted"] < 1e-4 else f"{column['adjusted']:.4f}"
        index = (f"{column[key]:.2f}" for key in ("psi", "psi_by_chance"))
        table.add_row(escape(column["words"]), *medians, f"{column['distance']:.2f}", p, *index)
    console.print(table)
    if len(shown) > _SHOWN:
        console.print(f"and {len(shown) - _SHOWN} more", highlight=False)
    for cause in report["causes"]:
        console.print(f"likely: {escape(cause['words'])}", soft_wrap=True, highlight=False)
    if report["alarm"]:
        paths = ", ".join(photograph["path"] for photograph in report["strangest"][:3])
        console.print(f"strangest photographs: {escape(paths)}", soft_wrap=True, highlight=False)
    if truth := report.get("truth"):
        console.print(escape(describe_truth(truth)), soft_wrap=True, highlight=False)
    color = "red" if report["alarm"] else "green"
    console.print(f"[{color}]{escape(verdict(report))}[/{color}]", soft_wrap=True, highlight=False)


def describe_truth(truth: Mapping[str, Any]) -> str:
    """Returns the scores by true masks, in a sentence."""
    ends = "" if truth["interval"] is None else " (95 % interval {:.3f} to {:.3f})".format(*truth["interval"])
    text = f"mIoU {truth['miou']:.3f}{ends} on {truth['photographs']} photographs with a true mask"
    if truth["reference"] is None:
        return text
    if names := truth["left_out"]:
        text = f"{text}; without {shorten_list(names, _NAMED)}, which only one of both has, {truth['compared']:.3f}"
    text = f"{text}, {truth['reference']:.3f} on the reference"
    if not truth["verdict"]:
        return text
    low, high = truth["difference"]
    words = {"lower": "the drop is real", "higher": "the gain is real", "cannot tell": "cannot tell if that is chance"}
    return f"{text}: a difference of {low:+.3f} to {high:+.3f}, so {words[truth['verdict']]}"
