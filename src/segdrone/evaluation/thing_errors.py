"""Find things that were split, merged, missed or invented."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.overlaps import Overlaps

THING_COUNTS = ("truth", "split", "merged", "missed", "predicted", "invented")
"""What is counted of each class, in the order of `count_thing_errors`."""


class ThingError(NamedTuple):
    """A true thing that was split, or a predicted one that merges several.

    Attributes:
        kind: `split` or `merged`.
        class_id: Class of all the things.
        one: Number of the true thing that was split, or of the predicted one that merges.
        area: Its pixels.
        several: Numbers of the predicted parts, or of the true things that were merged, largest first.
        areas: Their pixels.
        wrong: Pixels that the one shares with all of the several but that with which it shares most.
    """

    kind: str
    class_id: int
    one: int
    area: int
    several: tuple[int, ...]
    areas: tuple[int, ...]
    wrong: int


class _Judged(NamedTuple):
    """What became of the segments of both sides, and by which pairs."""

    covered: NDArray[np.bool_]
    split: NDArray[np.bool_]
    merging: NDArray[np.bool_]  # predicted segments
    used: NDArray[np.bool_]  # predicted segments that cover a true one, or are part of one that was split
    covering: NDArray[np.int64]  # pairs
    parts: NDArray[np.int64]  # pairs


def count_thing_errors(overlaps: Overlaps, table: ClassTable) -> NDArray[np.int64]:
    """Counts the errors of the things of an image.

    Things are compared with those of their own class. A predicted thing covers a true one if it has more than half of
    its pixels; at most one can (Matula et al., "Cell Tracking Accuracy Measurement Based on Comparison of Acyclic
    Oriented Graphs", PLOS ONE 2015, as in the Cell Tracking Challenge).

    - `merged`: true things covered by a predicted one that covers others too.
    - `split`: true things in which at least two predicted ones have more than half of their pixels, and these together
      more than half of its own (over-segmentation at T = 0.5 in Hoover et al., "An Experimental Comparison of Range
      Image Segmentation Algorithms", PAMI 1996).
    - `missed`: true things that are neither covered nor split.
    - `invented`: predicted things that cover none, and are no part of one that was split.

    A thing may be both split and merged. Pixels without a class on the other side do not count, and a thing that has
    most of its pixels there is neither missed nor invented.

    Args:
        overlaps: Of the image.
        table: The classes.

    Returns:
        int64 `[6, C]`, in the order of `THING_COUNTS`; `truth` and `predicted` are the numbers of things.

    Example:
        >>> from segdrone.evaluation.overlaps import Segments, overlap_segments
        >>> table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)))
        >>> mask = np.array([[1, 1, 1, 1, 0]], np.uint8)
        >>> two, one = np.array([[1, 1, 2, 2, 0]], np.uint16), np.array([[1, 1, 1, 1, 0]], np.uint16)
        >>> overlaps = overlap_segments(Segments(mask, two), Segments(mask, one), table, ["car"])
        >>> dict(zip(THING_COUNTS, count_thing_errors(overlaps, table)[:, 1].tolist()))
        {'truth': 2, 'split': 0, 'merged': 2, 'missed': 0, 'predicted': 1, 'invented': 0}
    """
    truth, prediction, judged = overlaps.truth, overlaps.prediction, _judge(overlaps)
    merged = np.zeros_like(judged.covered)
    merged[overlaps.true[judged.covering[judged.merging[overlaps.predicted[judged.covering]]]]] = True
    found = judged.covered | judged.split
    missed = truth.is_thing & ~found & truth.mostly_counted
    invented = prediction.is_thing & ~judged.used & prediction.mostly_counted
    chosen = (
        (truth, found | missed), (truth, judged.split), (truth, merged), (truth, missed),
        (prediction, judged.used | invented), (prediction, invented),
    )  # fmt: skip
    return np.stack([np.bincount(side.class_ids[which], minlength=len(table)) for side, which in chosen])


def find_thing_errors(overlaps: Overlaps) -> list[ThingError]:
    """Returns the true things that were split, and the predicted ones that merge several, as `count_thing_errors`."""
    truth, prediction, judged = overlaps.truth, overlaps.prediction, _judge(overlaps)
    errors = []
    for kind, ones, those, several, others, pairs, chosen in (
        ("split", truth, overlaps.true, prediction, overlaps.predicted, judged.parts, judged.split),
        ("merged", prediction, overlaps.predicted, truth, overlaps.true, judged.covering, judged.merging),
    ):
        kept = pairs[chosen[those[pairs]]]
        kept = kept[np.lexsort((others[kept], -overlaps.areas[kept], those[kept]))]
        for group in np.split(kept, np.flatnonzero(np.diff(those[kept])) + 1) if len(kept) else ():
            one, shared = those[group[0]], overlaps.areas[group]
            by_area = sorted(others[group].tolist(), key=lambda i: (-several.areas[i], i))
            errors.append(
                ThingError(
                    kind,
                    int(ones.class_ids[one]),
                    int(ones.numbers[one]),
                    int(ones.areas[one]),
                    tuple(several.numbers[by_area].tolist()),
                    tuple(several.areas[by_area].astype(int).tolist()),
                    int(shared[1:].sum()),
                )
            )
    return errors


def _judge(overlaps: Overlaps) -> _Judged:
    truth, prediction, true, predicted, areas = overlaps
    of_things = truth.is_thing[true]
    covering = np.flatnonzero(of_things & (areas > 0.5 * truth.counted[true]))
    inside = np.flatnonzero(of_things & (areas > 0.5 * prediction.counted[predicted]))
    covered = np.zeros(len(truth.areas), bool)
    covered[true[covering]] = True
    covers = np.bincount(predicted[covering], minlength=len(prediction.areas))
    number, total = (np.bincount(true[inside], weights, len(covered)) for weights in (None, areas[inside]))
    split = (number >= 2) & (total > 0.5 * truth.counted)
    parts = inside[split[true[inside]]]
    used = covers > 0
    used[predicted[parts]] = True
    return _Judged(covered, split, covers >= 2, used, covering, parts)
