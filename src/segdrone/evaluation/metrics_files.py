"""Write and read the files of an evaluation: `metrics.json`, CSV tables, and the counts behind them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable, is_class_name
from segdrone.errors import DataError
from segdrone.evaluation.bootstrap import CONFIDENCE_LEVEL, RESAMPLES, interval, resample
from segdrone.evaluation.counts import CONFIDENCE_LEVELS, Counts, Integers, stack_counts
from segdrone.evaluation.scores import CALIBRATION_BINS, OVERALL_SCORES, Scores, Values, confidence_bins, score
from segdrone.utils.arrays_file import ArraysFile
from segdrone.utils.atomic import atomic_write
from segdrone.utils.bounded import UnreadableError

COUNTS_FILE = "counts.npz"
_MAX_NAMES = 1 << 22  # characters of all names of photographs
_MAX_COUNT = 2**40  # pixels of a photograph
CLASS_SCORES = ("iou", "boundary_iou", "dice", "precision", "recall", "truth_share", "predicted_share")


class NamedCounts(NamedTuple):
    """The counts of a set of images.

    Attributes:
        names: Ids of the images.
        classes: Names of the classes.
        counts: Counts in the order of `names`, stacked along a first axis.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Counts

    @classmethod
    def of(cls, by_name: Mapping[str, Counts], table: ClassTable) -> NamedCounts:
        """Stacks the counts of images."""
        return cls(tuple(by_name), table.names, stack_counts([*by_name.values()]))


def to_metrics(
    counts: NamedCounts,
    scores: Scores,
    objects: dict[str, Any] | None,
    panoptic: dict[str, Any] | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Returns the content of `metrics.json`. docs/metrics.md explains its keys. Unknown values are None.

    Args:
        counts: Counts of the images.
        scores: Scores of `counts`.
        objects: What `DetectionScores.compute` returned.
        panoptic: What `Evaluator.panoptic` returned.
        **details: What was scored: further keys.
    """
    names, classes = counts.names, counts.classes
    overall_ends: dict[str, Values] = {}
    class_ends = np.full((2, len(classes)), np.nan)
    if len(names) > 1:  # one image says nothing about others
        (resamples,) = resample(counts.counts)
        overall_ends = {key: interval(values) for key, values in resamples.overall.items()}
        class_ends = interval(resamples.classes["iou"])
    by_class = {
        name: {
            **{key: plain_number(scores.classes[key][i]) for key in CLASS_SCORES},
            "iou_interval": _plain_interval(class_ends[:, i]),
        }
        for i, name in enumerate(classes)
    }
    return {
        **{key: plain_number(value) for key, value in scores.overall.items()},
        "intervals": {
            key: _plain_interval(overall_ends[key]) if key in overall_ends else None for key in OVERALL_SCORES
        },
        "level": CONFIDENCE_LEVEL,
        "resamples": RESAMPLES,
        "iou": {name: values["iou"] for name, values in by_class.items()},
        "absent": [name for name, values in by_class.items() if values["iou"] is None],
        "classes": by_class,
        "reliability": _reliability(counts.counts.confidence.sum(0)),
        "objects": objects,
        "panoptic": panoptic,
        "photographs": len(names),
        **details,
    }


def image_rows(counts: NamedCounts, scores: Scores) -> list[dict[str, Any]]:
    """Returns one row per image, worst first: `id`, `miou`, `accuracy`, `worst_class`.

    The worst class has the lowest IoU of the classes in the truth of the image.
    """
    rows = []
    for i, name in enumerate(counts.names):
        confusion = counts.counts.confusion[i]
        iou = score(Counts(*(part[i : i + 1] for part in counts.counts))).classes["iou"]
        in_truth = np.where(confusion.sum(1) > 0, iou, np.nan)
        worst = None if np.isnan(in_truth).all() else counts.classes[int(np.nanargmin(in_truth))]
        values = {key: plain_number(per_image[i]) for key, per_image in scores.images.items()}
        rows.append({"id": name, **values, "worst_class": worst})
    return sorted(rows, key=lambda row: (row["miou"] is None, row["miou"] or 0.0, row["id"]))


def write_tables(metrics: dict[str, Any], rows: Sequence[Mapping[str, Any]], counts: NamedCounts, folder: Path) -> None:
    """Writes `per_class.csv`, `per_image.csv`, `confusion.csv` and `counts.npz`.

    Args:
        metrics: What `to_metrics` returned.
        rows: What `image_rows` returned.
        counts: Counts of the images.
        folder: Where to write.
    """
    ends = [values["iou_interval"] or (None, None) for values in metrics["classes"].values()]
    classes = [
        [name, *(values[key] for key in CLASS_SCORES), *limits]
        for (name, values), limits in zip(metrics["classes"].items(), ends, strict=True)
    ]
    _write_csv(folder / "per_class.csv", ("class", *CLASS_SCORES, "iou_low", "iou_high"), classes)
    _write_csv(folder / "per_image.csv", tuple(rows[0]), [row.values() for row in rows])
    total = counts.counts.confusion.sum(0)
    _write_csv(
        folder / "confusion.csv",
        ("truth", *counts.classes),
        [[name, *map(int, row)] for name, row in zip(counts.classes, total, strict=True)],
    )
    with atomic_write(folder / COUNTS_FILE) as partial:
        parts = counts.counts._asdict()
        np.savez_compressed(partial, names=np.array(counts.names), classes=np.array(counts.classes), **parts)


def read_counts(folder: Path) -> NamedCounts:
    """Reads the `counts.npz` that `write_tables` wrote. Nothing in the file is executed.

    Args:
        folder: The folder with the file, or the file itself.

    Raises:
        DataError: The file is missing or was not written by `write_tables`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> confusion, boundary = np.ones((1, 2, 2), int), np.ones((1, 3, 2), int)
        >>> arrays = {"confusion": confusion, "boundary": boundary, "confidence": np.zeros((1, 2, 256), int)}
        >>> with TemporaryDirectory() as folder:
        ...     np.savez(Path(folder) / "counts.npz", names=["img_1"], classes=["road", "grass"], **arrays)
        ...     counts = read_counts(Path(folder))
        >>> counts.names, counts.classes, counts.counts.confusion.shape
        (('img_1',), ('road', 'grass'), (1, 2, 2))
    """
    path = folder / COUNTS_FILE if folder.is_dir() else folder
    if not path.is_file():
        raise DataError(f"{folder} has no {COUNTS_FILE}: give a folder that evaluate.py or train.py wrote")
    try:
        with ArraysFile(path) as file:
            names, classes = (
                _check_names(file.read(key, kinds="U", shape=(None,), most=_MAX_NAMES), key)
                for key in ("names", "classes")
            )
            n, c = len(names), len(classes)
            shapes = ((n, c, c), (n, 3, c), (n, 2, CONFIDENCE_LEVELS))
            counts = Counts(
                *(
                    _check_counts(file.read(key, kinds="iu", shape=shape))
                    for key, shape in zip(Counts._fields, shapes, strict=True)
                )
            )
    except UnreadableError as error:
        raise DataError(f"{path} does not hold the counts of an evaluation ({error}): evaluate again") from None
    return NamedCounts(names, classes, counts)


def plain_number(value: float) -> float | None:
    """Returns a number that JSON can hold: NaN becomes None."""
    return None if math.isnan(value) else float(value)


def _check_names(array: NDArray[Any], key: str) -> tuple[str, ...]:
    names = tuple(map(str, array))
    if len({*names}) < len(names) or not names:
        raise UnreadableError(f"{key} are empty, or some are there twice")
    if key == "classes" and not (len(names) <= 255 and all(map(is_class_name, names))):
        raise UnreadableError("there are more than 255 classes, or one has a name that cannot be printed")
    return names


def _check_counts(array: Integers) -> Integers:
    if array.min(initial=0) < 0 or array.max(initial=0) > _MAX_COUNT:
        raise UnreadableError(f"counts must be whole numbers from 0 to {_MAX_COUNT}")
    return np.asarray(array, np.int64)


def _plain_interval(ends: Values) -> list[float] | None:
    return None if np.isnan(ends).any() else [float(value) for value in ends]


def _reliability(levels: Integers) -> list[dict[str, Any]] | None:
    """Returns accuracy and mean confidence of the pixels per bin of confidence; None if the confidence is unknown."""
    if not levels.any():
        return None
    return [
        {
            "from": i / CALIBRATION_BINS,
            "to": (i + 1) / CALIBRATION_BINS,
            "pixels": int(pixels),
            "confidence": confidence / pixels if pixels else None,
            "accuracy": right / pixels if pixels else None,
        }
        for i, (pixels, right, confidence) in enumerate(confidence_bins(levels).T.tolist())
    ]


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with (
        atomic_write(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"{value:.6f}" if isinstance(value, float) else value for value in row] for row in rows)
