"""Print what corrections changed."""

from __future__ import annotations

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from segdrone.annotations.corrections import record
from segdrone.annotations.corrections.apply import CorrectionSummary
from segdrone.annotations.corrections.changes import class_rows, total
from segdrone.data.class_weights import STATS_FILE
from segdrone.utils.console import one_line

_MOST = 5  # photographs that are named


def print_corrections(summary: CorrectionSummary) -> None:
    """Prints how many masks changed, the classes that gained or lost pixels, where the earlier masks are, and so on."""
    console = Console()
    changed, root = summary.changed, summary.root
    same = len(summary.changes) - len(changed)
    if not changed:
        _say(console, f"nothing changes: the {same} corrected masks of {root} are as in the corrections already")
    else:
        pixels = total(changed)
        share = 100 * sum(change.changed_pixels for change in changed) / pixels.sum()
        _say(
            console,
            f"{len(changed)} masks of {root} changed, in {share:.2f} % of their pixels"
            + (f"; {same} are as in the corrections already" if same else ""),
        )
        rows = [*class_rows(pixels, summary.table)]
        if rows:
            numbers = [Column(title, justify="right") for title in ("before", "after", "gained", "lost")]
            table = Table("class", *numbers, "gained from")
            for row in sorted(rows, key=lambda row: -row["gained"]):
                cells = (f"{row[key]:,}" for key in ("before", "after", "gained", "lost"))
                table.add_row(Text(row["class"]), *cells, Text(row["gained_from"].partition(";")[0]))
            console.print(table)
    for line in _lines(summary):
        _say(console, line)


def _lines(summary: CorrectionSummary) -> list[str]:
    changed, root, lines = summary.changed, summary.root, []
    if new := [change.name for change in changed if change.is_new]:
        lines.append(f"new masks, of photographs that had none: {_named(new)}")
    if maps := [change.name for change in changed if change.instances is not None]:
        lines.append(f"instance maps: {_named(maps)}")
    ignored = summary.table.ignore_index
    pixels = total(changed)
    if lost := int(pixels[:, ignored].sum() - pixels[ignored, ignored]):
        lines.append(
            f"{lost:,} labeled pixels are ignored now, as no shape covers them or people differ; --background CLASS "
            "gives those outside of all shapes a class"
        )
    people = {name for change in changed for name in change.by}
    if people:
        lines.append(f"corrected by: {', '.join(sorted(people))}")
    if summary.agreement.photographs:
        lines.append(
            f"several corrections: {len(summary.agreement.photographs)} photographs, mean kappa "
            f"{summary.agreement.kappa:.3f}"
        )
    if summary.empty:
        lines.append(f"without a shape: {summary.empty} photographs, which keep their masks")
    if summary.folder is not None:
        where = root / summary.folder
        lines.append(f"earlier masks, {record.CORRECTIONS_RECORD} and {record.CHANGES_FILE}: {where}")
        lines.append(f"undo: {record.undo(root, summary.folder, changed)}")
        if (root / STATS_FILE).exists():
            lines.append(f"{root / STATS_FILE} counts the earlier masks: run segdrone data stats {root} again")
    return lines


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{len(names)} ({', '.join(names[:_MOST])}{more})"


def _say(console: Console, text: str) -> None:
    console.print(one_line(text), soft_wrap=True, highlight=False, markup=False)
