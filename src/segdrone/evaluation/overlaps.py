"""Count the pixels that each true segment shares with each predicted one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable

_CHUNK = 1 << 20  # pixels whose segments are counted at once
_VOID = np.uint32(0xFFFFFFFF)  # pixels without a class


class Segments(NamedTuple):
    """The segments of an image.

    Attributes:
        mask: Class ids, uint8 `[H, W]`.
        instances: Numbers of things, uint16 `[H, W]`: pixels of one class and one number are one thing. They mean
            nothing where the mask has stuff, or no data.
    """

    mask: NDArray[np.uint8]
    instances: NDArray[np.uint16]


class SegmentList(NamedTuple):
    """The segments of one side, truth or prediction; the last may be all pixels without a class.

    Attributes:
        class_ids: Class of each, int64 `[S]`; meaningless for pixels without a class.
        numbers: Number of the thing, int64 `[S]`; 0 for stuff.
        areas: Pixels, float64 `[S]`.
        void: How many of them have no class on the other side, float64 `[S]`.
        is_thing: Whether it is a thing, bool `[S]`.
        is_void: Whether it is all pixels without a class, bool `[S]`.
    """

    class_ids: NDArray[np.int64]
    numbers: NDArray[np.int64]
    areas: NDArray[np.float64]
    void: NDArray[np.float64]
    is_thing: NDArray[np.bool_]
    is_void: NDArray[np.bool_]

    @property
    def counted(self) -> NDArray[np.float64]:
        """Pixels that have a class on the other side too, float64 `[S]`."""
        return self.areas - self.void

    @property
    def mostly_counted(self) -> NDArray[np.bool_]:
        """Whether at least half of the pixels have a class on the other side, bool `[S]`."""
        return self.void <= 0.5 * self.areas


class Overlaps(NamedTuple):
    """Pairs of a true and a predicted segment of one class that share pixels.

    Attributes:
        truth: The true segments.
        prediction: The predicted segments.
        true: Index of the true segment of each pair, int64 `[P]`.
        predicted: Index of the predicted one, int64 `[P]`.
        areas: Pixels that they share, int64 `[P]`.
    """

    truth: SegmentList
    prediction: SegmentList
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    areas: NDArray[np.int64]


def overlap_segments(truth: Segments, prediction: Segments, table: ClassTable, things: Collection[str]) -> Overlaps:
    """Compares the segments of an image. All pixels of a stuff class are one segment.

    Args:
        truth: True segments.
        prediction: Predicted segments, of the same size.
        table: The classes.
        things: Names of the thing classes.

    Example:
        >>> table = ClassTable(names=("road", "car"), colours=((90, 90, 90), (9, 143, 150)))
        >>> mask = np.array([[1, 1, 1, 1, 0]], np.uint8)
        >>> two, one = np.array([[1, 1, 2, 2, 0]], np.uint16), np.array([[1, 1, 1, 1, 0]], np.uint16)
        >>> overlaps = overlap_segments(Segments(mask, two), Segments(mask, one), table, ["car"])
        >>> overlaps.truth.numbers.tolist(), overlaps.prediction.numbers.tolist()
        ([0, 1, 2], [0, 1])
        >>> overlaps.true.tolist(), overlaps.predicted.tolist(), overlaps.areas.tolist()
        ([0, 1, 2], [0, 1, 1], [1, 2, 2])
    """
    is_thing = np.zeros(256, bool)
    is_thing[[table.names.index(name) for name in things]] = True
    found = [_count_pairs(*pair) for pair in _chunks(truth, prediction, is_thing, len(table))]
    codes, shared = (np.concatenate(parts) for parts in zip(*found, strict=True))
    codes, index = np.unique(codes, return_inverse=True)
    areas = np.bincount(index, shared, len(codes)).astype(np.int64)
    true, predicted = (codes >> np.uint64(32)).astype(np.uint32), codes.astype(np.uint32)
    true_list, true_index = _list_segments(true, areas, predicted == _VOID, is_thing)
    predicted_list, predicted_index = _list_segments(predicted, areas, true == _VOID, is_thing)
    pairs = (true >> 16 == predicted >> 16) & (true != _VOID)
    return Overlaps(true_list, predicted_list, true_index[pairs], predicted_index[pairs], areas[pairs])


def _list_segments(
    codes: NDArray[np.uint32], areas: NDArray[np.int64], void: NDArray[np.bool_], is_thing: NDArray[np.bool_]
) -> tuple[SegmentList, NDArray[np.int64]]:
    segments, index = np.unique(codes, return_inverse=True)
    total, without = (
        np.bincount(index, weights, len(segments)).astype(np.float64) for weights in (areas, areas * void)
    )
    class_ids, is_void = (segments >> 16).astype(np.int64), segments == _VOID
    numbers = (segments & np.uint32(0xFFFF)).astype(np.int64)
    things = is_thing[class_ids.clip(max=255)] & ~is_void
    return SegmentList(class_ids, numbers, total, without, things, is_void), index.astype(np.int64)


def _chunks(
    truth: Segments, prediction: Segments, is_thing: NDArray[np.bool_], classes: int
) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32]]]:
    rows = max(1, _CHUNK // truth.mask.shape[1])
    for top in range(0, len(truth.mask), rows):
        chunk = slice(top, top + rows)
        yield _code(truth, chunk, is_thing, classes), _code(prediction, chunk, is_thing, classes)


def _code(segments: Segments, rows: slice, is_thing: NDArray[np.bool_], classes: int) -> NDArray[np.uint32]:
    """Returns the segment of each pixel: its class, times 65,536, and the number of its thing."""
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
