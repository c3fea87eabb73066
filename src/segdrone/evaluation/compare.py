"""Compare evaluations: is one model better than another, and are these photographs enough to decide it?"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.bootstrap import CONFIDENCE_LEVEL, MIN_IMAGES, Resamples, interval, resample
from segdrone.evaluation.counts import Counts
from segdrone.evaluation.metrics_files import COUNTS_FILE, NamedCounts, plain_number, read_counts
from segdrone.evaluation.scores import OVERALL_SCORES, Scores, score
from segdrone.utils.bounded import UnreadableError, read_json, validate
from segdrone.utils.console import one_line
from segdrone.utils.output_dir import check_finished

log = logging.getLogger(__name__)

_LOWER_IS_BETTER = ("ece",)


class _Metrics(BaseModel):
    """What is read of `metrics.json`."""

    warnings: list[str] = []


class Comparison(NamedTuple):
    """The differences of an evaluation to another one on the same photographs.

    Attributes:
        first: Folder of the evaluation that is compared with.
        second: Folder of the evaluation that is compared.
        photographs: Number of photographs that both evaluations share.
        overall: One row per score of `OVERALL_SCORES`: `key`, `name`, `first`, `second`, `difference`, `interval`
            (its lower and upper end) and `verdict` (`better`, `worse` or `cannot tell`).
        classes: The same for the IoU of each class that occurs. These intervals are wider, so that all of them hold
            at once at the same level (Bonferroni): otherwise one class in twenty would differ by chance.
    """

    first: str
    second: str
    photographs: int
    overall: list[dict[str, Any]]
    classes: list[dict[str, Any]]

    @property
    def sentence(self) -> str:
        """The verdict by the mIoU of the whole set."""
        row = self.overall[0]
        low, high = row["interval"]
        scores = (
            f"mIoU {row['second']:.4f} against {row['first']:.4f}, a difference of {row['difference']:+.4f} "
            f"({100 * CONFIDENCE_LEVEL:.0f} % interval {low:+.4f} to {high:+.4f}, {self.photographs} photographs)"
        )
        if row["verdict"] == "cannot tell":
            return f"cannot tell whether {self.second} is better or worse than {self.first}: {scores}"
        return f"{self.second} is {row['verdict']} than {self.first}: {scores}"


def compare(folders: Sequence[Path]) -> list[Comparison]:
    """Compares evaluations with the first one, by paired bootstrap over the photographs that all of them share.

    What an evaluation warned of, such as photographs that its model was trained on, is logged again.

    Args:
        folders: Two or more folders that `evaluate.py` or `train.py` wrote.

    Raises:
        ConfigError: There are fewer than two folders.
        DataError: A folder has no `counts.npz`, or a command was killed while it replaced an evaluation, or as
            `compare_counts`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> names = [f"img_{i}" for i in range(25)]
        >>> unknown = {"boundary": np.zeros((25, 3, 2), int), "confidence": np.zeros((25, 2, 256), int)}
        >>> with TemporaryDirectory() as folder:
        ...     files = [Path(folder) / "first.npz", Path(folder) / "second.npz"]
        ...     for file, right in zip(files, (30, 40)):
        ...         confusion = np.array([[[right, 50 - right], [50 - right, right]]] * 25)
        ...         np.savez(file, names=names, classes=["road", "grass"], confusion=confusion, **unknown)
        ...     (comparison,) = compare(files)
        >>> row = comparison.overall[0]
        >>> row["name"], round(row["first"], 3), round(row["second"], 3), row["verdict"]
        ('mIoU', 0.429, 0.667, 'better')
    """
    if len(folders) < 2:
        raise ConfigError("give two or more folders of evaluations to compare")
    for folder in folders:
        check_finished(folder)
    evaluations = [read_counts(folder) for folder in folders]
    for folder in dict.fromkeys(folders):
        _tell_warnings(folder)
    return compare_counts([*map(str, folders)], evaluations)


def compare_counts(labels: Sequence[str], evaluations: Sequence[NamedCounts]) -> list[Comparison]:
    """Compares counts with the first ones, as `compare` does. Classes in another order are compared by their names.

    Args:
        labels: What was scored, for the comparisons and for errors.
        evaluations: The counts of each.

    Raises:
        DataError: They differ in the names of their classes or in their true masks, or share fewer than two
            photographs, or no labeled pixel.
    """
    names = _common_names(labels, evaluations)
    subsets = [_select(evaluation, names, evaluations[0].classes) for evaluation in evaluations]
    _check_truth(labels, names, subsets)
    if not subsets[0].confusion.any():
        raise DataError(f"no pixel of the {len(names)} photographs that the evaluations share is labeled: give others")
    scores, resamples = [score(counts) for counts in subsets], resample(*subsets)
    if len(names) < MIN_IMAGES:
        log.warning(
            "only %d photographs: the intervals are too narrow, the true uncertainty is larger; compare on %d or more",
            len(names),
            MIN_IMAGES,
        )
    return [
        Comparison(
            labels[0],
            labels[i],
            len(names),
            _compare_overall((scores[0], scores[i]), (resamples[0], resamples[i])),
            _compare_classes(evaluations[0].classes, (scores[0], scores[i]), (resamples[0], resamples[i])),
        )
        for i in range(1, len(labels))
    ]


def _tell_warnings(folder: Path) -> None:
    """Logs what the evaluation in a folder, or beside its `counts.npz`, warned of."""
    if folder.is_file() and folder.name != COUNTS_FILE:
        return
    file = (folder if folder.is_dir() else folder.parent) / "metrics.json"
    try:
        warnings = validate(_Metrics, read_json(file)).warnings if file.exists() else []
    except UnreadableError as error:
        warnings = [f"{file.name} cannot be read ({error}): what the evaluation warned of is unknown"]
    for warning in warnings:
        log.warning("%s: %s", folder, one_line(warning))


def _common_names(labels: Sequence[str], evaluations: Sequence[NamedCounts]) -> list[str]:
    first = evaluations[0]
    for label, evaluation in zip(labels, evaluations, strict=True):
        if {*evaluation.classes} != {*first.classes}:
            raise DataError(
                f"{label} has the classes {', '.join(evaluation.classes)}, {labels[0]} has "
                f"{', '.join(first.classes)}: evaluate both with the same classes"
            )
    names = sorted(set(first.names).intersection(*(evaluation.names for evaluation in evaluations)))
    if len(names) < 2:
        raise DataError(f"the evaluations share {len(names)} photographs: evaluate them on the same ones")
    largest = max(len(evaluation.names) for evaluation in evaluations)
    if len(names) < largest:
        log.warning("%d photographs are in all evaluations, of up to %d: the others are left out", len(names), largest)
    return names


def _select(evaluation: NamedCounts, names: Sequence[str], classes: Sequence[str]) -> Counts:
    """Returns the counts of some photographs, with the classes in this order."""
    row = {name: i for i, name in enumerate(evaluation.names)}
    order = [evaluation.classes.index(name) for name in classes]
    confusion, boundary, confidence = (part[[row[name] for name in names]] for part in evaluation.counts)
    return Counts(confusion[:, order][:, :, order], boundary[:, :, order], confidence)


def _check_truth(labels: Sequence[str], names: Sequence[str], subsets: Sequence[Counts]) -> None:
    true_pixels = [counts.confusion.sum(2) for counts in subsets]
    for label, pixels in zip(labels[1:], true_pixels[1:], strict=True):
        different = (pixels != true_pixels[0]).any(1)
        if different.any():
            raise DataError(
                f"{label} scored {names[int(different.argmax())]} against other true masks than {labels[0]}, or at "
                "another size: evaluate both on the same masks, at one size (data.test_image_size, inference=tiled)"
            )


def _compare_overall(scores: tuple[Scores, Scores], resamples: tuple[Resamples, Resamples]) -> list[dict[str, Any]]:
    return [
        {"key": key, **_row(label, [part.overall[key] for part in scores], [part.overall[key] for part in resamples],
                            CONFIDENCE_LEVEL, lower_is_better=key in _LOWER_IS_BETTER)}
        for key, label in OVERALL_SCORES.items()
        if not np.isnan([part.overall[key] for part in scores]).any()
    ]  # fmt: skip


def _compare_classes(
    names: Sequence[str], scores: tuple[Scores, Scores], resamples: tuple[Resamples, Resamples]
) -> list[dict[str, Any]]:
    iou = np.array([part.classes["iou"] for part in scores])
    present = np.flatnonzero(~np.isnan(iou).any(0))
    level = 1 - (1 - CONFIDENCE_LEVEL) / max(1, len(present))
    return [
        _row(names[i], list(iou[:, i]), [part.classes["iou"][:, i] for part in resamples], level)
        for i in map(int, present)
    ]


def _row(
    name: str, values: Sequence[float], resampled: Sequence[Any], level: float, lower_is_better: bool = False
) -> dict[str, Any]:
    low, high = interval(resampled[1] - resampled[0], level)
    if_above, if_below = ("worse", "better") if lower_is_better else ("better", "worse")
    first, second = (plain_number(value) for value in values)
    return {
        "name": name,
        "first": first,
        "second": second,
        "difference": float(values[1] - values[0]),
        "interval": [float(low), float(high)],
        "verdict": if_above if low > 0 else if_below if high < 0 else "cannot tell",
    }
