"""The report of a dataset check: printed as a summary, or returned in full as plain containers."""

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

FORMAT = 1
"""Version of `DatasetReport.to_dict`; raise it whenever a key changes its name or meaning."""

_STYLES = {OK: "green", WARNING: "yellow", ERROR: "bold red"}
_MAX_LINES = 5  # listed per finding on the screen


@dataclass(frozen=True)
class Finding:
    """A problem or a warning.

    Attributes:
        status: `WARNING`: training runs, but the result should be checked; `ERROR`: training would fail.
        text: What is wrong and what to do.
        where: All files, pairs or classes concerned.
    """

    status: str
    text: str
    where: Sequence[str] = ()


def findings(status: str, where: Sequence[str], noun: str, text: str) -> list[Finding]:
    """Returns one finding whose text starts with the number of files concerned, or none if `where` is empty."""
    return [Finding(status, f"{format_count(len(where), noun)} {text}", where)] if where else []


def format_count(count: int, noun: str) -> str:
    """Returns a number with its noun.

    Example:
        >>> format_count(1, "mask"), format_count(2, "class")
        ('1 mask', '2 classes')
    """
    plural = {"class": "classes", "entry": "entries", "series": "series"}.get(noun, f"{noun}s")
    return f"{count} {noun if count == 1 else plural}"


def short_path(path: Path) -> str:
    """Returns folder and name of a file; the folder distinguishes photographs from masks.

    Example:
        >>> short_path(Path("datasets/mine/masks/001.png"))
        'masks/001.png'
    """
    return f"{path.parent.name}/{path.name}"


def short_paths(paths: Sequence[Path]) -> list[str]:
    """Returns `short_path` of each path."""
    return [short_path(path) for path in paths]


@dataclass(frozen=True)
class Check:
    """Result of one of the numbered checks.

    Attributes:
        name: What was checked, in one word.
        summary: Result in one sentence.
        findings: Problems and warnings; empty if there are none.
        facts: Measurements, as plain str, int, float, list and dict.
    """

    name: str
    summary: str
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The worst status of the findings: `OK`, `WARNING` or `ERROR`."""
        return max((finding.status for finding in self.findings), key=STATUSES.index, default=OK)


@dataclass(frozen=True)
class DatasetReport:
    """All checks of a dataset, in order.

    Attributes:
        root: Folder of the dataset, as given.
        images: Its folder of photographs.
        masks: Its folder of masks.
        checks: The ten checks.
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
        | 8 instances | `things`: {class: numbered things} |
        | 9 duplicates | `pairs`: [{first, second, same_file, distance in bits of 255, splits: [str or null] * 2}] |
        | 10 splits | `source`: `random`, `folders`, or `data.split_dir` or `data.split_by` as given; `by`: in words; |
        | | `train`, `val`, `test`: [id], empty if there is no split; `overlapping`: [[path] * 2] in two splits |
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
    """Prints the checks, at most five files per finding, and the table of classes."""
    console = Console()
    table = Table("", "check", "status", "result")
    for number, check in enumerate(report.checks, 1):
        table.add_row(str(number), check.name, Text(check.status, _STYLES[check.status]), _describe(check))
        table.add_section()
    console.print(table)
    classes = [row for check in report.checks for row in check.facts.get("classes", [])]
    if any(row["pixels"] for row in classes):
        console.print(_bar_chart(classes))
    statuses = [check.status for check in report.checks]
    conclusions = {
        OK: "No problems found: training can start.",
        WARNING: f"Training can start; {statuses.count(WARNING)} of {len(statuses)} checks have warnings.",
        ERROR: f"Training would fail: fix the errors of {statuses.count(ERROR)} of {len(statuses)} checks.",
    }
    worst = max(statuses, key=STATUSES.index)
    console.print(Text(conclusions[worst], _STYLES[worst]), soft_wrap=True)


def _describe(check: Check) -> Text:
    text = Text(check.summary)
    for finding in check.findings:
        text.append(f"\n{finding.status.lower()}: ", _STYLES[finding.status]).append(finding.text)
        for line in finding.where[:_MAX_LINES]:
            text.append(f"\n  {line}")
        if len(finding.where) > _MAX_LINES:
            text.append(f"\n  and {len(finding.where) - _MAX_LINES} more")
    return text


def _bar_chart(classes: Sequence[dict[str, Any]]) -> Table:
    table = Table("class", f"{'pixels %':>8}", "", "photographs")
    largest = max(row["share"] for row in classes)
    for row in sorted(classes, key=lambda row: -row["pixels"]):
        bar = ProgressBar(total=largest, completed=row["share"], width=24)
        percent = f"{100 * row['share']:.3f}" if row["pixels"] else "absent"
        table.add_row(Text(row["name"]), f"{percent:>8}", bar, f"{row['photographs']:>11}")
    return table
