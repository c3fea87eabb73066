"""Divide a label map into runs along its rows, and join these to regions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Runs(NamedTuple):
    """Runs of equal values along the rows of a label map, in the order of rows, then columns; they cover all pixels.

    Attributes:
        width: Columns of the map.
        starts: First pixel of each run, as an index into the flattened map, int64 `[N]`.
        lengths: Pixels of each run, int64 `[N]`.
        values: Value of each run, `[N]`.
    """

    width: int
    starts: Integers
    lengths: Integers
    values: NDArray[Any]

    def paint(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        """Returns a map, int32 `[H, W]`, with a value for each run, int32 `[N]`."""
        return np.repeat(values, self.lengths).reshape(-1, self.width)


def find_runs(labels: NDArray[Any]) -> Runs:
    """Returns the runs of a label map, `[H, W]`.

    Example:
        >>> find_runs(np.array([[3, 3, 7], [7, 7, 7]])).starts.tolist()
        [0, 2, 3]
    """
    begins = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=labels.size)
    return Runs(labels.shape[1], starts, lengths, labels.reshape(-1)[starts])


def merge_runs(starts: Integers, lengths: Integers) -> tuple[Integers, Integers]:
    """Joins runs that follow each other: where a run reaches the end of its row, and the next one begins the next."""
    first = np.flatnonzero(np.append(True, starts[1:] != starts[:-1] + lengths[:-1]))
    return starts[first], np.add.reduceat(lengths, first)


def join_runs(runs: Runs, *, corners: bool) -> Integers:
    """Returns the number of the connected region of each run, from 0 on in the order of first runs: int64 `[N]`.

    Args:
        runs: Those of a map.
        corners: Whether pixels that meet at a corner only are connected (8-connected), or not (4-connected).

    Example:
        >>> runs = find_runs(np.array([[1, 0], [0, 1]]))
        >>> join_runs(runs, corners=True).tolist(), join_runs(runs, corners=False).tolist()
        ([0, 1, 1, 0], [0, 1, 2, 3])
    """
    starts, width = runs.starts, runs.width
    ends, every, size = starts + runs.lengths, np.arange(len(starts)), int(runs.lengths.sum())
    pairs = [(every, starts + width), (every, starts - width)]  # an overlap begins where one of its runs does
    if corners:
        right, left = ends % width > 0, starts % width > 0
        pairs += [(every[right], ends[right] + width), (every[left], starts[left] - 1 + width)]
    first, second = [], []
    for run, pixel in pairs:
        inside = (pixel >= 0) & (pixel < size)
        run, other = run[inside], np.searchsorted(starts, pixel[inside], side="right") - 1
        same = runs.values[run] == runs.values[other]
        first.append(run[same])
        second.append(other[same])
    return np.unique(_roots(len(starts), np.concatenate(first), np.concatenate(second)), return_inverse=True)[1]


def _roots(count: int, first: Integers, second: Integers) -> Integers:
    """Returns the lowest member of the set of each of `count` items, given pairs of items in one set."""
    root = np.arange(count)
    while first.size:
        one, other = root[first], root[second]
        differ = one != other
        first, second, one, other = first[differ], second[differ], one[differ], other[differ]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(above := root[root], root):
            root = above
    return root
