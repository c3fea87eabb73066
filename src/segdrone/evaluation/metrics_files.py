"""The figures of an evaluation as files: `metrics.json`, tables as CSV, and the counts behind them."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.evaluation.bootstrap import CONFIDENCE_LEVEL, RESAMPLES, interval, resample
from segdrone.evaluation.counts import Counts, Integers, stack_counts
from segdrone.evaluation.scores import BINS, OVERALL_SCORES, Scores, Values, confidence_bins, score
from segdrone.utils.atomic import atomic_write

COUNTS_FILE = "counts.npz"
BY_CLASS = ("iou", "boundary_iou", "dice", "precision", "recall", "truth_share", "predicted_share")


class NamedCounts(NamedTuple):
    """The counts of a set of photographs.

    Args:
        names: The photographs' ids.
        classes: Names of the classes.
        counts: Stacked in the order of `names`.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Counts

    @classmethod
    def of(cls, by_name: Mapping[str, Counts], table: ClassTable) -> NamedCounts:
        """Puts together the counts of photographs."""
        return cls(tuple(by_name), table.names, stack_counts([*by_name.values()]))


def to_metrics(counted: NamedCounts, scores: Scores, objects: dict[str, Any] | None, **facts: Any) -> dict[str, Any]:
    """Returns the content of `metrics.json`, as docs/metrics.md explains its keys; what has no value is None.

    Args:
        counted: The counts.
        scores: Their scores.
        objects: What `ObjectScores.compute` returns.
        **facts: What was scored.
    """
    names, classes = counted.names, counted.classes
    (drawn,) = resample(counted.counts) if len(names) > 1 else [None]
    ends = {} if drawn is None else {key: interval(values) for key, values in drawn.overall.items()}
    class_ends = np.full((2, len(classes)), np.nan) if drawn is None else interval(drawn.classes["iou"])
    by_class = {
        name: {
            **{key: plain_number(scores.classes[key][place]) for key in BY_CLASS},
            "iou_interval": _ends(class_ends[:, place]),
        }
        for place, name in enumerate(classes)
    }
    return {
        **{key: plain_number(value) for key, value in scores.overall.items()},
        "intervals": {key: _ends(ends[key]) if key in ends else None for key in OVERALL_SCORES},
        "level": CONFIDENCE_LEVEL,
        "resamples": RESAMPLES,
        "iou": {name: values["iou"] for name, values in by_class.items()},
        "absent": [name for name, values in by_class.items() if values["iou"] is None],
        "classes": by_class,
        "reliability": _reliability(counted.counts.confidence.sum(0)),
        "objects": objects,
        "photographs": len(names),
        **facts,
    }


def image_rows(counted: NamedCounts, scores: Scores) -> list[dict[str, Any]]:
    """Returns a row for each photograph, the worst first: `id`, `miou`, `accuracy`, `worst_class`.

    The worst class is that of the lowest IoU among those that the photograph's truth holds.
    """
    rows = []
    for place, name in enumerate(counted.names):
        confusion = counted.counts.confusion[place]
        iou = score(Counts(*(part[place : place + 1] for part in counted.counts))).classes["iou"]
        held = np.where(confusion.sum(1) > 0, iou, np.nan)
        worst = None if np.isnan(held).all() else counted.classes[int(np.nanargmin(held))]
        figures = {key: plain_number(values[place]) for key, values in scores.photographs.items()}
        rows.append({"id": name, **figures, "worst_class": worst})
    return sorted(rows, key=lambda row: (row["miou"] is None, row["miou"] or 0.0, row["id"]))


def write_tables(
    metrics: dict[str, Any], rows: Sequence[Mapping[str, Any]], counted: NamedCounts, folder: Path
) -> None:
    """Writes `per_class.csv`, `per_image.csv`, `confusion.csv` and `counts.npz`.

    Args:
        metrics: What `to_metrics` returned.
        rows: What `image_rows` returned.
        counted: The counts.
        folder: Where to.
    """
    ends = [values["iou_interval"] or (None, None) for values in metrics["classes"].values()]
    classes = [
        [name, *(values[key] for key in BY_CLASS), *limits]
        for (name, values), limits in zip(metrics["classes"].items(), ends, strict=True)
    ]
    _write_csv(folder / "per_class.csv", ("class", *BY_CLASS, "iou_low", "iou_high"), classes)
    _write_csv(folder / "per_image.csv", tuple(rows[0]), [row.values() for row in rows])
    total = counted.counts.confusion.sum(0)
    _write_csv(
        folder / "confusion.csv",
        ("truth", *counted.classes),
        [[name, *map(int, row)] for name, row in zip(counted.classes, total, strict=True)],
    )
    with atomic_write(folder / COUNTS_FILE) as partial:
        parts = {name: part for name, part in counted.counts._asdict().items()}
        np.savez_compressed(partial, names=np.array(counted.names), classes=np.array(counted.classes), **parts)


def read_counts(folder: Path) -> NamedCounts:
    """Reads what `write_tables` wrote into `counts.npz`; nothing in it can run.

    Raises:
        DataError: There is none, or it is no such file.
    """
    path = folder / COUNTS_FILE if folder.is_dir() else folder
    if not path.is_file():
        raise DataError(f"{folder} holds no {COUNTS_FILE}: give a folder that evaluate.py or train.py wrote")
    if not zipfile.is_zipfile(path):  # NumPy would take it for a pickle
        raise DataError(f"{path} is no counts of an evaluation (no archive): evaluate again")
    try:
        with np.load(path, allow_pickle=False) as file:
            names, classes = (tuple(map(str, file[key])) for key in ("names", "classes"))
            counts = Counts(*(_whole_numbers(file[key]) for key in Counts._fields))
        n, c = len(names), len(classes)
        shapes = [part.shape for part in counts]
        if shapes != [(n, c, c), (n, 3, c), (n, 2, 256)]:
            raise ValueError(f"arrays of {shapes} for {n} photographs and {c} classes")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no counts of an evaluation ({error}): evaluate again") from None
    return NamedCounts(names, classes, counts)


def plain_number(value: float) -> float | None:
    """Returns a number that JSON knows: NaN becomes None."""
    return None if math.isnan(value) else float(value)


def _whole_numbers(array: Any) -> Integers:
    if array.dtype.kind not in "iu" or array.min(initial=0) < 0:
        raise ValueError("counts are whole numbers from 0 up")
    return np.asarray(array, np.int64)


def _ends(values: Values) -> list[float] | None:
    return None if np.isnan(values).any() else [float(value) for value in values]


def _reliability(levels: Integers) -> list[dict[str, Any]] | None:
    """Accuracy and mean confidence of the pixels in each bin of confidence; None where none is known."""
    if not levels.any():
        return None
    return [
        {
            "from": bin / BINS,
            "to": (bin + 1) / BINS,
            "pixels": int(pixels),
            "confidence": sure / pixels if pixels else None,
            "accuracy": right / pixels if pixels else None,
        }
        for bin, (pixels, right, sure) in enumerate(confidence_bins(levels).T.tolist())
    ]


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"{value:.6f}" if isinstance(value, float) else value for value in row] for row in rows)
