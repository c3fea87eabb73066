"""Score segments: things one by one, and stuff by its class (panoptic quality)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.overlaps import Overlaps
from segdrone.evaluation.sizes import SIZES, size_of
from segdrone.evaluation.thing_errors import THING_COUNTS, count_thing_errors

_NO_THINGS = np.zeros((4, len(SIZES)))
_NO_ERRORS = np.zeros((len(THING_COUNTS), 256), np.int64)


class SegmentCounts(NamedTuple):
    """Counts of the segments of one image, or of a set.

    Attributes:
        iou: Sum of the IoU of the matched segments, float64 `[C]`.
        matched: Number of true segments that are matched with a predicted one, int64 `[C]`.
        spurious: Predicted segments without a match, int64 `[C]`.
        missed: True segments without a match, int64 `[C]`.
        by_size: The same four of things, of all thing classes together, by the class of size of the true thing, and of
            the predicted one for `spurious`: float64 `[4, S]`.
        errors: What `count_thing_errors` returns, int64 `[6, C]`.
    """

    iou: NDArray[np.float64]
    matched: NDArray[np.int64]
    spurious: NDArray[np.int64]
    missed: NDArray[np.int64]
    by_size: NDArray[np.float64] = _NO_THINGS
    errors: NDArray[np.int64] = _NO_ERRORS


def count_segments(overlaps: Overlaps, table: ClassTable) -> SegmentCounts:
    """Matches the segments of an image.

    A true and a predicted segment of one class match if their IoU is above 0.5; at most one can (Kirillov et al.,
    "Panoptic Segmentation", CVPR 2019, section 4). Pixels without a true class count in no IoU, and a predicted segment
    that has most of its pixels there is not spurious; the same with truth and prediction exchanged. As torchmetrics'
    `PanopticQuality`, without its memory of 32 bytes a pixel.

    Args:
        overlaps: Of the image.
        table: The classes.

    Example:
        >>> table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)))
        >>> mask = np.array([[1, 1, 1, 1, 0]], np.uint8)
        >>> two, one = np.array([[1, 1, 2, 2, 0]], np.uint16), np.array([[1, 1, 1, 1, 0]], np.uint16)
        >>> from segdrone.evaluation.overlaps import Segments, overlap_segments
        >>> overlaps = overlap_segments(Segments(mask, two), Segments(mask, one), table, ["car"])
        >>> counts = count_segments(overlaps, table)
        >>> counts.matched.tolist(), counts.spurious.tolist(), counts.missed.tolist()
        ([1, 0], [0, 1], [0, 2])
    """
    truth, prediction, true, predicted, areas = overlaps
    iou = areas / (prediction.counted[predicted] + truth.counted[true] - areas)
    matches = np.flatnonzero(iou > 0.5)
    classes = len(table)
    missed, spurious = ~truth.is_void & truth.mostly_counted, ~prediction.is_void & prediction.mostly_counted
    missed[true[matches]] = spurious[predicted[matches]] = False
    matched_class = truth.class_ids[true[matches]]
    of_things = matches[truth.is_thing[true[matches]]]
    by_size = [
        np.bincount(size_of(areas), weights, len(SIZES))
        for areas, weights in (
            (truth.areas[true[of_things]], iou[of_things]),
            (truth.areas[true[of_things]], None),
            (prediction.areas[spurious & prediction.is_thing], None),
            (truth.areas[missed & truth.is_thing], None),
        )
    ]
    return SegmentCounts(
        np.bincount(matched_class, iou[matches], classes).astype(np.float64),
        np.bincount(matched_class, minlength=classes),
        np.bincount(prediction.class_ids[spurious], minlength=classes),
        np.bincount(truth.class_ids[missed], minlength=classes),
        np.array(by_size, np.float64),
        count_thing_errors(overlaps, table),
    )


def sum_counts(counts: Sequence[SegmentCounts]) -> SegmentCounts:
    """Returns the counts of all images together."""
    return SegmentCounts(*(np.sum(parts, axis=0) for parts in zip(*counts, strict=True)))


def panoptic_quality(counts: SegmentCounts, table: ClassTable, things: Collection[str]) -> dict[str, Any]:
    """Returns the scores of a set of images, 0 to 1, as plain JSON values.

    - `pq`: panoptic quality, the mean over the classes that occur in truth or prediction; `pq_things` and `pq_stuff`:
      the means over those of each kind, None without any. `sq`, `rq`: means of its two factors.
    - `classes`: by class `sq`, the mean IoU of the matched segments; `rq`, their number divided by that of the matched,
      half the spurious and half the missed ones (F1); `pq`, the product; all None for a class that does not occur; and
      the numbers `matched`, `spurious` and `missed`.
    - `sizes`: the same of the things of all classes together, by their area: from `from` pixels to below `to`, None for
      the largest.
    - `things`: by thing class the numbers of `THING_COUNTS`, as `count_thing_errors` defines them.

    Args:
        counts: Of the set.
        table: The classes.
        things: Names of the thing classes.
    """
    matched, spurious, missed = counts.matched, counts.spurious, counts.missed
    found = matched + (spurious + missed) / 2
    occurs = found > 0
    with np.errstate(invalid="ignore"):
        sq = np.where(matched > 0, counts.iou / matched, 0.0)
        rq = np.where(occurs, matched / found, 0.0)
    pq = sq * rq
    is_thing = np.array([name in things for name in table.names])

    def mean(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float | None:
        return float(values[chosen].mean()) if chosen.any() else None

    classes = {
        name: {
            **{key: float(values[i]) if occurs[i] else None for key, values in (("pq", pq), ("sq", sq), ("rq", rq))},
            **{
                key: int(values[i])
                for key, values in (("matched", matched), ("spurious", spurious), ("missed", missed))
            },
        }
        for i, name in enumerate(table.names)
    }
    return {
        "pq": mean(pq, occurs),
        "sq": mean(sq, occurs),
        "rq": mean(rq, occurs),
        "pq_things": mean(pq, occurs & is_thing),
        "pq_stuff": mean(pq, occurs & ~is_thing),
        "classes": classes,
        "sizes": _by_size(counts.by_size),
        "things": {
            name: dict(zip(THING_COUNTS, counts.errors[:, i].tolist(), strict=True))
            for i, name in enumerate(table.names)
            if name in things
        },
    }


def _by_size(counts: NDArray[np.float64]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for (iou, matched, spurious, missed), least, limit in zip(
        counts.T.tolist(), SIZES, (*SIZES[1:], None), strict=True
    ):
        found = matched + (spurious + missed) / 2
        sq, rq = iou / matched if matched else 0.0, matched / found if found else 0.0
        scores = {"pq": sq * rq, "sq": sq, "rq": rq} if found else dict.fromkeys(("pq", "sq", "rq"))
        numbers = {"matched": int(matched), "spurious": int(spurious), "missed": int(missed)}
        rows.append({"from": least, "to": limit, **scores, **numbers})
    return rows
