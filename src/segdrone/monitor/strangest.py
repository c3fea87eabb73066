"""Rank photographs by how unlike the reference they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from segdrone.reference_statistics import LEVELS, Distribution, ReferenceStatistics, Values, round_values

_REASONS = 3
_MAX_EXCESS = 10.0  # ranges of the reference: farther away counts no more
_NORMAL_SCORES = np.array([NormalDist().inv_cdf(level) for level in (LEVELS[:-1] + LEVELS[1:]) / 2])


@dataclass(frozen=True)
class StrangePhotograph:
    """A photograph that is unlike the reference.

    Attributes:
        row: Its row among the photographs.
        distance: How unlike it is: about 1 for a photograph of the reference.
        columns: The statistics that are most unlike, and whether each is high (1) or low (-1).
    """

    row: int
    distance: float
    columns: tuple[tuple[str, int], ...]


def strangest(reference: ReferenceStatistics, values: Mapping[str, Values], count: int) -> list[StrangePhotograph]:
    """Returns the photographs that are most unlike the reference, the strangest first.

    The distance is the root of the mean square of the normal scores of a photograph's ranks in the reference (van der
    Waerden, 1952), so that no unit and no outlier of the reference counts more than others. Beyond the range of the
    reference, a score grows by the logarithm of the excess, in units of that range.

    Args:
        reference: The reference.
        values: Values of each column for N photographs, `[N]`, NaN where unknown.
        count: How many to return, at most.
    """
    columns = [name for name in values if name in reference.columns]
    if not columns:
        return []
    scores = np.stack([_scores(reference.columns[name], values[name]) for name in columns], 1)
    known = np.isfinite(scores)
    squares = np.where(known, scores, 0.0) ** 2
    distances = np.sqrt(squares.sum(1) / np.maximum(known.sum(1), 1))
    order = np.argsort(-distances, kind="stable")[:count]
    return [StrangePhotograph(int(row), float(distances[row]), _reasons(columns, scores[row])) for row in order]


def _scores(reference: Distribution, values: Values) -> Values:
    """Returns signed scores of ranks, `[N]`; NaN where the value is unknown."""
    known = np.isfinite(values)
    scores = np.full(len(values), np.nan)
    given = round_values(values[known])
    lowest, _ = reference.bounds(given, below=True)
    _, highest = reference.bounds(given)
    middle = np.clip((lowest + highest) / 2, LEVELS[1] / 2, 1 - LEVELS[1] / 2)
    first, last = reference.quantiles[0], reference.quantiles[-1]
    spread = (last - first) or max(abs(last), 1e-3)
    excess = np.minimum((np.maximum(given - last, 0) + np.maximum(first - given, 0)) / spread, _MAX_EXCESS)
    normal = np.interp(middle, (LEVELS[:-1] + LEVELS[1:]) / 2, _NORMAL_SCORES)
    scores[known] = normal + np.sign(given - reference.median) * np.log1p(excess)
    return scores


def _reasons(columns: Sequence[str], scores: Values) -> tuple[tuple[str, int], ...]:
    order = np.argsort(-np.abs(np.nan_to_num(scores)), kind="stable")[:_REASONS]
    return tuple((columns[i], 1 if scores[i] > 0 else -1) for i in order if np.isfinite(scores[i]) and scores[i])
