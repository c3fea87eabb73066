"""Print what corrections changed, and how far people agree."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from segdrone.annotations.corrections import record
from segdrone.annotations.corrections.apply import CorrectionSummary
from segdrone.annotations.corrections.changes import class_rows, total
from segdrone.annotations.corrections.compare import CSV_FILE, JSON_FILE, PICTURES_FILE, AgreementSummary
from segdrone.data.class_weights import STATS_FILE
from segdrone.data.discovery.file_tree import CORRECTIONS_RECORD
from segdrone.errors import shorten_list
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


def print_agreement(summary: AgreementSummary) -> None:
    """Prints the agreement of each two people, the IoU of each class, and where they agree least."""
    console, agreement = Console(), summary.agreement
    people = {name for pair in agreement.pairs for name in pair}
    _say(console, f"{len(agreement.photographs)} photographs, each annotated by several of {len(people)} people")
    numbers = [Column(title, justify="right") for title in ("photographs", "pixels %", "kappa", "by one alone %")]
    table = Table("people", *numbers)
    for pair, counts in agreement.pairs.items():
        total = int(counts.confusion.sum())
        alone = counts.one_alone / max(1, total + counts.one_alone)
        cells = (_number(100 * counts.pixel_agreement, 2), _number(counts.kappa, 3), _number(100 * alone, 2))
        table.add_row(Text(one_line(" and ".join(pair))), str(counts.photographs), *cells)
    console.print(table)
    classes = Table("class", Column("mean IoU", justify="right"))
    iou = dict(zip(agreement.table.names, agreement.iou.tolist(), strict=True))
    for name, value in sorted(iou.items(), key=lambda item: (math.isnan(item[1]), item[1])):
        if not math.isnan(value):
            classes.add_row(Text(name), _number(value, 3))
    console.print(classes)
    if len(agreement.pairs) > 1:
        _say(console, f"mean kappa of {len(agreement.pairs)} pairs: {_number(agreement.kappa, 3)}")
    if least := agreement.least_agreed():
        _say(console, f"least agreed on: {', '.join(least[:_MOST])}")
    else:
        _say(console, "they differ nowhere")
    if summary.by_one:
        _say(console, f"left out: {summary.by_one} photographs that one person alone annotated")
    files = [JSON_FILE, CSV_FILE, *([PICTURES_FILE] if summary.pictured else [])]
    _say(console, f"written to {summary.out}: {', '.join(files)}")


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


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
        kappa = _number(summary.agreement.kappa, 3) or "none, as there is a single class"
        lines.append(f"several corrections: {len(summary.agreement.photographs)} photographs, mean kappa {kappa}")
    if summary.empty:
        lines.append(f"without a shape: {summary.empty} photographs, which keep their masks")
    if summary.folder is not None:
        where = root / summary.folder
        lines.append(f"earlier masks, {CORRECTIONS_RECORD} and {record.CHANGES_FILE}: {where}")
        lines.append(f"undo: {record.undo(root, summary.folder, changed)}")
        if (root / STATS_FILE).exists():
            lines.append(f"{root / STATS_FILE} counts the earlier masks: run segdrone data stats {root} again")
    return lines


def _named(names: list[str]) -> str:
    return f"{len(names)} ({shorten_list(names, _MOST)})"


def _say(console: Console, text: str) -> None:
    console.print(one_line(text), soft_wrap=True, highlight=False, markup=False)
