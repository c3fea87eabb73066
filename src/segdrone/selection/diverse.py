"""Choose parts of photographs that differ from one another and from what is labeled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHORTLIST = 4
"""Candidates per pick: the most uncertain ones, among which picks differ; at most half of all."""


class Choice(NamedTuple):
    """A candidate that was chosen: its place in the order, and its distance to the nearest center before; or NaN."""

    place: int
    distance: float


def shortlist(candidates: int, count: int) -> int:
    """Returns how many of the most uncertain candidates to choose from.

    Example:
        >>> shortlist(1000, count=20), shortlist(100, count=20), shortlist(30, count=20)
        (80, 50, 20)
    """
    return min(candidates, max(count, min(SHORTLIST * count, candidates // 2)))


def k_center_greedy(
    features: NDArray[np.float64],
    centers: NDArray[np.float64],
    count: int,
    conflicts: Mapping[int, Sequence[int]],
    candidates: int | None = None,
) -> list[Choice]:
    """Chooses candidates one by one, each the farthest from its nearest center: those before, and what is labeled.

    k-Center-Greedy, algorithm 1 of Sener and Savarese, Active learning for convolutional neural networks: a core-set
    approach, ICLR 2018. Of equal distances, and without any center, the first candidate is taken.

    Args:
        features: Of the candidates on the shortlist, the most uncertain first, `[N, D]`.
        centers: Of what is labeled, `[M, D]`.
        count: Number of candidates to choose, at most; there are fewer if the others are in conflict with those.
        conflicts: For a candidate those that must not be chosen beside it, such as its near duplicates.
        candidates: Number of all candidates; those behind the shortlist follow in their order when it is used up.

    Example:
        >>> line = np.array([[0.0], [0.1], [5.0], [4.0]])
        >>> [choice.place for choice in k_center_greedy(line, np.empty((0, 1)), 4, {2: [3]}, candidates=5)]
        [0, 2, 1, 4]
    """
    nearest = np.full(len(features), np.inf)
    for center in centers:
        np.minimum(nearest, np.linalg.norm(features - center, axis=1), out=nearest)
    free = np.ones(candidates or len(features), np.bool_)
    chosen: list[Choice] = []
    while len(chosen) < count and free.any():
        listed = free[: len(features)]
        if listed.any():
            index = int(np.argmax(np.where(listed, nearest, -1.0)))
            distance = float(nearest[index])
            np.minimum(nearest, np.linalg.norm(features - features[index], axis=1), out=nearest)
        else:
            index, distance = int(np.argmax(free)), math.nan
        chosen.append(Choice(index, distance if math.isfinite(distance) else math.nan))
        free[[index, *conflicts.get(index, ())]] = False
    return chosen
