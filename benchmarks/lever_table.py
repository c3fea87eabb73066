"""Compare and write the rows of `levers.py`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from benchmarks.baseline import format_spread

from segdrone.errors import DataError
from segdrone.evaluation.bootstrap import interval, resample
from segdrone.evaluation.metrics_files import NamedCounts, read_counts
from segdrone.evaluation.scores import score


class Counted(Protocol):
    """What the page says of the photographs and of levers without a row."""

    train_count: int
    ruler_count: int
    val_count: int
    contained: list[str]


class Difference(NamedTuple):
    """mIoU of a row less that of another one.

    Attributes:
        mean: Over the seeds.
        least: Of the seeds.
        low: Lower end of the 95 % interval of the mean, by paired bootstrap over the photographs.
        high: Its upper end.
    """

    mean: float
    least: float
    low: float
    high: float


@dataclass
class Row:
    """The results of one recipe, by seed.

    Attributes:
        name: Its name.
        folders: Folders of `counts.npz` and `result.json`; a seed that failed has none.
    """

    name: str
    folders: dict[int, Path] = field(default_factory=dict)

    def add(self, seed: int, folder: Path | None) -> None:
        """Adds the result of a seed, if there is one."""
        if folder is not None:
            self.folders[seed] = folder

    @cached_property
    def counts(self) -> dict[int, NamedCounts]:
        """Counts by seed; read when all seeds are there."""
        return {seed: read_counts(folder) for seed, folder in self.folders.items()}

    def overall(self, key: str) -> list[float]:
        """Returns an overall score of each seed."""
        return [score(counts.counts).overall[key] for counts in self.counts.values()]

    def miou_without(self, name: str) -> list[float]:
        """Returns the mIoU of each seed over all classes but one; empty if there is no such class."""
        kept = [[other != name for other in counts.classes] for counts in self.counts.values()]
        if all(map(all, kept)):
            return []
        scores = [score(counts.counts).classes["iou"] for counts in self.counts.values()]
        return [float(np.nanmean(iou[keep])) for iou, keep in zip(scores, kept, strict=True)]

    @property
    def seconds(self) -> list[float]:
        """Seconds of each seed."""
        files = [folder / "result.json" for folder in self.folders.values()]
        return [float(json.loads(file.read_text(encoding="utf-8"))["seconds"]) for file in files]

    def difference(self, base: Row) -> Difference | None:
        """Returns the difference to another row on the seeds of both; None if they share none.

        Raises:
            DataError: They were scored on other photographs or masks.
        """
        seeds = [seed for seed in self.counts if seed in base.counts]
        if not seeds:
            return None
        named = [row.counts[seed] for row in (self, base) for seed in seeds]
        truth = named[0].counts.confusion.sum(2)
        if any(one.names != named[0].names or (one.counts.confusion.sum(2) != truth).any() for one in named):
            raise DataError(f"{self.name} and {base.name} were scored on other photographs or masks: remove --runs")
        by_seed = [score(one.counts).overall["miou"] for one in named]
        single = np.subtract(by_seed[: len(seeds)], by_seed[len(seeds) :])
        drawn = np.array([resamples.overall["miou"] for resamples in resample(*(one.counts for one in named))])
        low, high = interval(drawn[: len(seeds)].mean(0) - drawn[len(seeds) :].mean(0))
        return Difference(float(single.mean()), float(single.min()), float(low), float(high))


def won(rows: Sequence[Row], base: Row, least: float, groups: Mapping[str, str]) -> list[str]:
    """Returns the rows that are better than the base with every seed and by `least` on average, one of each group."""
    gains = {row.name: difference for row in rows if (difference := row.difference(base)) is not None}
    best: dict[str, str] = {}
    for name, gain in sorted(gains.items(), key=lambda item: -item[1].mean):
        if gain.mean >= least and gain.least > 0:
            best.setdefault(groups[name], name)
    return [name for name in gains if name in best.values()]


def page(
    options: argparse.Namespace,
    counted: Counted,
    rows: Sequence[Row],
    winners: Sequence[str],
    tta: Sequence[Row],
    finals: Sequence[Row],
) -> str:
    """Returns the page of results.

    Args:
        options: Of the command line.
        counted: Numbers of photographs.
        rows: The recipe first, its levers, and `together`.
        winners: Levers that are pulled in `together`.
        tta: Test-time augmentation of the recipe.
        finals: Rows on val, the recipe first.
    """
    seeds = " ".join(map(str, options.seeds))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    text = [
        f"# What each lever adds to `experiment={options.experiment}`", "",
        f"`python benchmarks/levers.py --experiment {options.experiment} --budget {options.budget} --height "
        f"{options.height} --width {options.width} --seeds {seeds} --ruler {options.ruler} --least {options.least:g}`:",
        f"{counted.train_count} photographs, {options.budget} epochs at {options.height} x {options.width} but for the "
        f"rows that are about these; {device}, {platform.machine()}, torch {torch.__version__}.",
        "Mean and standard deviation over the seeds. Already in the recipe, and no rows: "
        f"{', '.join(counted.contained) or 'none'}.", "",
        f"Chosen on {counted.ruler_count} photographs of train.txt that are not trained on, nor near copies of them; "
        "each training is scored at its best epoch on",
        "these, at the masks' own size. The interval is a paired bootstrap over the photographs, of the mean over the "
        "seeds. **Won**: better with every seed, and by",
        f"{options.least:g} or more on average; of levers that exclude one another, the best.", "",
        *_table(rows, rows[0], options.without, winners),
    ]  # fmt: skip
    if tta:
        text += ["", "Test-time augmentation, of the recipe's checkpoints; seconds are those of scoring:", ""]
        text += _table(tta, rows[0], options.without, won(tta, rows[0], options.least, {row.name: "" for row in tta}))
    if finals:
        text += [
            "",
            f"On the {counted.val_count} photographs of val.txt, by which nothing was chosen, nor any epoch:",
            "",
        ]
        text += _table(finals, finals[0], options.without, [])
    return "\n".join(text) + "\n"


def _table(rows: Sequence[Row], base: Row, without: str, winners: Sequence[str]) -> list[str]:
    lines = [
        f"| | mIoU, whole set | without `{without}` | mIoU per image | difference (95 % interval) | seconds |",
        "|---" * 6 + "|",
    ]
    for row in rows:
        if not row.folders:
            lines.append(f"| {row.name} | failed | | | | |")
            continue
        name = f"**{row.name}**" if row.name in winners else row.name
        others, gain = row.miou_without(without), None if row is base else row.difference(base)
        cells = [
            name if len(row.folders) == len(base.folders) else f"{name} ({len(row.folders)} seeds)",
            format_spread(row.overall("miou"), 4),
            format_spread(others, 4) if others else "",
            format_spread(row.overall("miou_per_image"), 4),
            "" if gain is None else f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})",
            f"{statistics.mean(row.seconds):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
