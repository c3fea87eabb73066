"""Score segments: things one by one, and stuff by its class (panoptic quality)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.sizes import SIZES, size_of

_CHUNK = 1 << 20  # pixels whose segments are counted at once
_VOID = np.uint32(0xFFFFFFFF)  # pixels without a class
_NO_THINGS = np.zeros((4, len(SIZES)))


class SegmentCounts(NamedTuple):
    """Counts of the segments of one image, or of a set.

    Attributes:
        iou: Sum of the IoU of the matched segments, float64 `[C]`.
        matched: Number of true segments that are matched with a predicted one, int64 `[C]`.
        spurious: Predicted segments without a match, int64 `[C]`.
        missed: True segments without a match, int64 `[C]`.
        by_size: The same four of things, of all thing classes together, by the class of size of the true thing, and of
            the predicted one for `spurious`: float64 `[4, S]`.
    """

    iou: NDArray[np.float64]
    matched: NDArray[np.int64]
    spurious: NDArray[np.int64]
    missed: NDArray[np.int64]
    by_size: NDArray[np.float64] = _NO_THINGS


class Segments(NamedTuple):
    """The segments of an image.

    Attributes:
        mask: Class ids, uint8 `[H, W]`.
        instances: Numbers of things, uint16 `[H, W]`: pixels of one class and one number are one thing. They mean
            nothing where the mask has stuff, or no data.
    """

    mask: NDArray[np.uint8]
    instances: NDArray[np.uint16]


def count_segments(truth: Segments, prediction: Segments, table: ClassTable, things: Collection[str]) -> SegmentCounts:
    """Matches the segments of an image.

    All pixels of a stuff class are one segment. A true and a predicted segment of one class match if their IoU is above
    0.5; at most one can (Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4). Pixels without a true class
    count in no IoU, and a predicted segment that has most of its pixels there is not spurious; the same with truth and
    prediction exchanged. As torchmetrics' `PanopticQuality`, without its memory of 32 bytes a pixel.

    Args:
        truth: True segments.
        prediction: Predicted segments, of the same size.
        table: The classes.
        things: Names of the thing classes.

    Example:
        >>> table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)))
        >>> mask = np.array([[1, 1, 1, 1, 0]], np.uint8)
        >>> two, one = np.array([[1, 1, 2, 2, 0]], np.uint16), np.array([[1, 1, 1, 1, 0]], np.uint16)
        >>> counts = count_segments(Segments(mask, two), Segments(mask, one), table, ["car"])
        >>> counts.matched.tolist(), counts.spurious.tolist(), counts.missed.tolist()
        ([1, 0], [0, 1], [0, 2])
    """
    is_thing = np.zeros(256, bool)
    is_thing[[table.names.index(name) for name in things]] = True
    true, predicted, areas = _overlaps(truth, prediction, is_thing, len(table))
    true_segments, true_index = np.unique(true, return_inverse=True)
    predicted_segments, predicted_index = np.unique(predicted, return_inverse=True)
    true_areas = np.bincount(true_index, areas, len(true_segments))
    predicted_areas = np.bincount(predicted_index, areas, len(predicted_segments))
    true_void, predicted_void = true_segments == _VOID, predicted_segments == _VOID
    uncounted = np.bincount(predicted_index, areas * (true == _VOID), len(predicted_segments))
    unpredicted = np.bincount(true_index, areas * (predicted == _VOID), len(true_segments))
    counted = predicted_areas - uncounted
    pairs = np.flatnonzero((true >> 16 == predicted >> 16) & (true != _VOID))
    union = counted[predicted_index[pairs]] + (true_areas - unpredicted)[true_index[pairs]] - areas[pairs]
    iou = areas[pairs] / union
    matches = pairs[iou > 0.5]
    classes = len(table)
    true_class, predicted_class = (segments >> 16 for segments in (true_segments, predicted_segments))
    missed, spurious = ~true_void, ~predicted_void
    missed[true_index[matches]] = spurious[predicted_index[matches]] = False
    missed &= unpredicted <= 0.5 * true_areas
    spurious &= uncounted <= 0.5 * predicted_areas
    matched_class = (true[matches] >> 16).astype(np.int64)
    true_thing, predicted_thing = (is_thing[segments.clip(max=255)] for segments in (true_class, predicted_class))
    of_things = matches[true_thing[true_index[matches]]]
    by_size = [
        np.bincount(size_of(areas), weights, len(SIZES))
        for areas, weights in (
            (true_areas[true_index[of_things]], iou[np.isin(pairs, of_things)]),
            (true_areas[true_index[of_things]], None),
            (predicted_areas[spurious & predicted_thing], None),
            (true_areas[missed & true_thing], None),
        )
    ]
    return SegmentCounts(
        np.bincount(matched_class, iou[iou > 0.5], classes).astype(np.float64),
        np.bincount(matched_class, minlength=classes),
        np.bincount(predicted_class[spurious], minlength=classes),
        np.bincount(true_class[missed], minlength=classes),
        np.array(by_size, np.float64),
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

    Args:
        counts: Of the set.
        table: The classes.
        things: Names of the thing classes.
    """
    _, matched, spurious, missed, _ = counts
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


def _overlaps(
    truth: Segments, prediction: Segments, is_thing: NDArray[np.bool_], classes: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]]:
    """Returns each pair of a true and a predicted segment that share pixels, and how many they share.

    A segment is its class, times 65,536, and the number of its thing.
    """
    found = [_count_pairs(*pair) for pair in _chunks(truth, prediction, is_thing, classes)]
    pairs, areas = (np.concatenate(parts) for parts in zip(*found, strict=True))
    pairs, index = np.unique(pairs, return_inverse=True)
    total = np.bincount(index, areas, len(pairs)).astype(np.int64)
    return (pairs >> np.uint64(32)).astype(np.uint32), pairs.astype(np.uint32), total


def _chunks(
    truth: Segments, prediction: Segments, is_thing: NDArray[np.bool_], classes: int
) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32]]]:
    rows = max(1, _CHUNK // truth.mask.shape[1])
    for top in range(0, len(truth.mask), rows):
        chunk = slice(top, top + rows)
        yield _code(truth, chunk, is_thing, classes), _code(prediction, chunk, is_thing, classes)


def _code(segments: Segments, rows: slice, is_thing: NDArray[np.bool_], classes: int) -> NDArray[np.uint32]:
    mask, instances = segments.mask[rows].ravel(), segments.instances[rows].ravel()
    code = np.left_shift(mask, 16, dtype=np.uint32)
    code |= np.where(is_thing[mask], instances, np.uint16(0))
    code[mask >= classes] = _VOID
    return code


def _count_pairs(
    true: NDArray[np.uint32], predicted: NDArray[np.uint32]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Counts the pixels of each pair, run by run, as neighbors mostly have the same."""
    changes = np.flatnonzero((true[1:] != true[:-1]) | (predicted[1:] != predicted[:-1])) + 1
    starts = np.concatenate([[0], changes])
    lengths = np.diff(np.append(starts, len(true)))
    pairs, index = np.unique(true[starts].astype(np.uint64) << np.uint64(32) | predicted[starts], return_inverse=True)
    return pairs, np.bincount(index, lengths, len(pairs)).astype(np.int64)
