"""Whether one model is better than another, or whether that cannot be told from these photographs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.bootstrap import CONFIDENCE_LEVEL, MIN_IMAGES, Resamples, interval, resample
from segdrone.evaluation.counts import Counts
from segdrone.evaluation.metrics_files import NamedCounts, plain_number, read_counts
from segdrone.evaluation.scores import OVERALL_SCORES, Scores, score

log = logging.getLogger(__name__)

_LOWER_IS_BETTER = ("ece",)


class Comparison(NamedTuple):
    """How an evaluation differs from another on the same photographs.

    Args:
        first: What it is compared with.
        second: What is compared.
        photographs: How many both have.
        overall: A row for each score of `OVERALL_SCORES`: `name`, `first`, `second`, `difference`, `interval` (its
            lower and upper end), `verdict` (`better`, `worse` or `cannot tell`).
        classes: The same for the IoU of each class that occurs. Their intervals are wider, so that all hold
            together at the same level (Bonferroni): of twenty classes one would else differ by chance.
    """

    first: str
    second: str
    photographs: int
    overall: list[dict[str, Any]]
    classes: list[dict[str, Any]]

    @property
    def sentence(self) -> str:
        """The answer, by the mIoU of the whole set."""
        row = self.overall[0]
        low, high = row["interval"]
        figures = (
            f"mIoU {row['second']:.4f} against {row['first']:.4f}, a difference of {row['difference']:+.4f} "
            f"({100 * CONFIDENCE_LEVEL:.0f} % interval {low:+.4f} to {high:+.4f}, {self.photographs} photographs)"
        )
        if row["verdict"] == "cannot tell":
            return f"{self.second} cannot be told from {self.first}: {figures}"
        return f"{self.second} is {row['verdict']} than {self.first}: {figures}"


def compare(folders: Sequence[Path]) -> list[Comparison]:
    """Compares evaluations with the first of them, by paired bootstrap over the photographs that all have.

    Args:
        folders: Two or more that evaluate.py or train.py wrote.

    Raises:
        ConfigError: There are fewer than two.
        DataError: One holds no counts, or they have other classes, fewer than two photographs in common, or
            other true masks.
    """
    if len(folders) < 2:
        raise ConfigError("give two or more folders of evaluations to compare")
    counted = [read_counts(folder) for folder in folders]
    names = _common(folders, counted)
    subsets = [_subset(one, names) for one in counted]
    _check_truth(folders, names, subsets)
    scores, draws = [score(counts) for counts in subsets], resample(*subsets)
    if len(names) < MIN_IMAGES:
        log.warning("only %d photographs: their intervals are too narrow, take them as the least there is", len(names))
    return [
        Comparison(
            str(folders[0]),
            str(folders[place]),
            len(names),
            _overall((scores[0], scores[place]), (draws[0], draws[place])),
            _classes(counted[0].classes, (scores[0], scores[place]), (draws[0], draws[place])),
        )
        for place in range(1, len(folders))
    ]


def _common(folders: Sequence[Path], counted: Sequence[NamedCounts]) -> list[str]:
    for folder, one in zip(folders, counted, strict=True):
        if one.classes != counted[0].classes:
            raise DataError(
                f"{folder} has the classes {', '.join(one.classes)}, {folders[0]} {', '.join(counted[0].classes)}: "
                "evaluate both with the same classes"
            )
    names = sorted(set(counted[0].names).intersection(*(one.names for one in counted)))
    if len(names) < 2:
        raise DataError(f"the evaluations have {len(names)} photographs in common: evaluate them on the same ones")
    most = max(len(one.names) for one in counted)
    if len(names) < most:
        log.warning("%d photographs are in all evaluations, of up to %d: the others are left out", len(names), most)
    return names


def _subset(counted: NamedCounts, names: Sequence[str]) -> Counts:
    places = [counted.names.index(name) for name in names]
    return Counts(*(part[places] for part in counted.counts))


def _check_truth(folders: Sequence[Path], names: Sequence[str], subsets: Sequence[Counts]) -> None:
    truths = [counts.confusion.sum(2) for counts in subsets]
    for folder, truth in zip(folders[1:], truths[1:], strict=True):
        other = (truth != truths[0]).any(1)
        if other.any():
            raise DataError(
                f"{folder} scored {names[int(other.argmax())]} against other true masks than {folders[0]}, or at "
                "another size: evaluate both on the same masks, at one size (data.test_image_size, inference=tiled)"
            )


def _overall(scores: tuple[Scores, Scores], draws: tuple[Resamples, Resamples]) -> list[dict[str, Any]]:
    return [
        {"key": key, **_row(label, [one.overall[key] for one in scores], [one.overall[key] for one in draws],
                            CONFIDENCE_LEVEL, lower=key in _LOWER_IS_BETTER)}
        for key, label in OVERALL_SCORES.items()
        if not np.isnan([one.overall[key] for one in scores]).any()
    ]  # fmt: skip


def _classes(
    names: Sequence[str], scores: tuple[Scores, Scores], draws: tuple[Resamples, Resamples]
) -> list[dict[str, Any]]:
    iou = np.array([one.classes["iou"] for one in scores])
    present = np.flatnonzero(~np.isnan(iou).any(0))
    level = 1 - (1 - CONFIDENCE_LEVEL) / max(1, len(present))
    return [
        _row(names[place], list(iou[:, place]), [one.classes["iou"][:, place] for one in draws], level)
        for place in map(int, present)
    ]


def _row(name: str, values: Sequence[float], drawn: Sequence[Any], level: float, lower: bool = False) -> dict[str, Any]:
    low, high = interval(drawn[1] - drawn[0], level)
    rises, falls = ("worse", "better") if lower else ("better", "worse")
    verdict = rises if low > 0 else falls if high < 0 else "cannot tell"
    first, second = (plain_number(value) for value in values)
    ends = [float(low), float(high)]
    difference = float(values[1] - values[0])
    return {"name": name, "first": first, "second": second, "difference": difference, "interval": ends,
            "verdict": verdict}  # fmt: skip
