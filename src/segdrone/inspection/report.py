"""What the check of a dataset found: on the screen in short, as plain containers in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

OK, WARNING, ERROR = STATUSES = ("OK", "WARNING", "ERROR")

FORMAT = 1  # Raise it whenever a key of `to_dict` changes its name or meaning.

_STYLES = {OK: "green", WARNING: "yellow", ERROR: "bold red"}
_SHOWN = 5  # files named on the screen


@dataclass(frozen=True)
class Finding:
    """One thing to mend or to know.

    Attributes:
        status: `WARNING`: training runs, but look at it; `ERROR`: training would fail.
        text: What is wrong and what to do.
        where: All files, pairs or classes that it concerns.
    """

    status: str
    text: str
    where: Sequence[str] = ()


def about(status: str, where: Sequence[str], noun: str, text: str) -> list[Finding]:
    """Returns a finding that begins with how many files it concerns, or none if there are none."""
    return [Finding(status, f"{counted(len(where), noun)} {text}", where)] if where else []


def counted(count: int, noun: str) -> str:
    """Returns `1 mask`, `2 masks`."""
    plural = {"class": "classes", "entry": "entries"}.get(noun, f"{noun}s")
    return f"{count} {noun if count == 1 else plural}"


def shown(path: Path) -> str:
    """Returns the last folder and the name of a file, which tells photographs from masks."""
    return f"{path.parent.name}/{path.name}"


def all_shown(paths: Sequence[Path]) -> list[str]:
    """Returns `shown` of each."""
    return [shown(path) for path in paths]


@dataclass(frozen=True)
class Check:
    """One of the numbered checks.

    Attributes:
        name: One word for what was looked at.
        summary: What was seen, in one sentence.
        findings: What is to be mended or known; empty where all is well.
        facts: What was measured, as plain str, int, float, list and dict.
    """

    name: str
    summary: str
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The worst of the findings: `OK`, `WARNING` or `ERROR`."""
        return max((finding.status for finding in self.findings), key=STATUSES.index, default=OK)


@dataclass(frozen=True)
class DatasetReport:
    """All checks of a dataset, in order.

    Attributes:
        root: The dataset's folder, as it was given.
        images: Its folder of photographs.
        masks: Its folder of masks.
        checks: The nine checks.
    """

    root: str
    images: str
    masks: str
    checks: list[Check]

    @property
    def failed(self) -> bool:
        """Whether training would fail."""
        return any(check.status == ERROR for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain containers, fit for JSON.

        `{format, root, images, masks, failed, checks: [{number, name, status, summary,
        findings: [{status, text, where: [str]}], facts}]}`. A check keeps its number and name. Their facts:

        | check | facts |
        |---|---|
        | 1 files | `pairs`, `photographs`, `masks`: int |
        | 2 reading | `files`, `unreadable`: int |
        | 3 sizes | `sizes`: [{width, height, photographs}] as displayed, in pixels, the most frequent first |
        | 4 channels | `photographs`, `masks`: {Pillow's mode: files} |
        | 5 classes | `masks`: int; `ignored`: pixels; `classes`: [{id, name, pixels, share, photographs}] |
        | 6 labels | `unknown`: {mask: {value: pixels}} |
        | 7 content | `empty`, `single`: int |
        | 8 duplicates | `pairs`: [{first, second, same_file, distance in bits of 255, splits: [str or null] * 2}] |
        | 9 splits | `source`: `random` or the folder; `train`, `val`, `test`: [id]; empty if there is no split |
        """
        checks = [
            {
                "number": number,
                "name": check.name,
                "status": check.status,
                "summary": check.summary,
                "findings": [{"status": f.status, "text": f.text, "where": list(f.where)} for f in check.findings],
                "facts": check.facts,
            }
            for number, check in enumerate(self.checks, 1)
        ]
        folders = {"root": self.root, "images": self.images, "masks": self.masks}
        return {"format": FORMAT, **folders, "failed": self.failed, "checks": checks}


def print_report(report: DatasetReport) -> None:
    """Prints the checks, at most five files for each finding, and the table of classes."""
    console = Console()
    table = Table("", "check", "status", "what was found")
    for number, check in enumerate(report.checks, 1):
        table.add_row(str(number), check.name, Text(check.status, _STYLES[check.status]), _told(check))
        table.add_section()
    console.print(table)
    classes = [row for check in report.checks for row in check.facts.get("classes", [])]
    if any(row["pixels"] for row in classes):
        console.print(_bars(classes))
    statuses = [check.status for check in report.checks]
    told = {
        OK: "Everything is well: training can start.",
        WARNING: f"Training can start; {statuses.count(WARNING)} of {len(statuses)} checks warn.",
        ERROR: f"Training would fail: mend what {statuses.count(ERROR)} of {len(statuses)} checks refuse.",
    }
    worst = max(statuses, key=STATUSES.index)
    console.print(Text(told[worst], _STYLES[worst]), soft_wrap=True)


def _told(check: Check) -> Text:
    text = Text(check.summary)
    for finding in check.findings:
        text.append(f"\n{finding.status.lower()}: ", _STYLES[finding.status]).append(finding.text)
        for line in finding.where[:_SHOWN]:
            text.append(f"\n  {line}")
        if len(finding.where) > _SHOWN:
            text.append(f"\n  and {len(finding.where) - _SHOWN} more")
    return text


def _bars(classes: Sequence[dict[str, Any]]) -> Table:
    table = Table("class", f"{'pixels %':>8}", "", "photographs")
    most = max(row["share"] for row in classes)
    for row in sorted(classes, key=lambda row: -row["pixels"]):
        bar = ProgressBar(total=most, completed=row["share"], width=24)
        percent = f"{100 * row['share']:.3f}" if row["pixels"] else "absent"
        table.add_row(Text(row["name"]), f"{percent:>8}", bar, f"{row['photographs']:>11}")
    return table
