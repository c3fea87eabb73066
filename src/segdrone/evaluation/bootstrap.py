"""How sure a score is: what it would have been on other photographs of the same kind (bootstrap)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segdrone.evaluation.counts import Counts
from segdrone.evaluation.scores import PerImageStats, Values

CONFIDENCE_LEVEL = 0.95
RESAMPLES = 10_000
MIN_IMAGES = 20  # photographs, of which resamples are too alike

_AT_ONCE = 1000  # resamples, to hold memory down
_SEED = 0  # the same counts have the same intervals


class Resamples(NamedTuple):
    """Scores of resampled sets: `overall` each `[R]`, `classes` each `[R, C]`."""

    overall: dict[str, Values]
    classes: dict[str, Values]


def resample(*sets: Counts) -> list[Resamples]:
    """Draws photographs with replacement, as many as there are, and scores each draw.

    Of several sets of counts, of the same photographs in the same order, all are scored on the same
    draws, so that their differences are paired.

    Source: Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 1979.
    """
    parts = [PerImageStats(counts) for counts in sets]
    drawn = [[part.resampled(weights) for weights in _weights(len(sets[0].confusion))] for part in parts]
    return [
        Resamples(
            *(
                {key: np.concatenate([chunk[kind][key] for chunk in chunks]) for key in chunks[0][kind]}
                for kind in range(2)
            )
        )
        for chunks in drawn
    ]


def interval(values: Values, level: float = CONFIDENCE_LEVEL) -> Values:
    """Returns the percentile interval of resampled scores, `[R, ...]`: `[2, ...]`, lower and upper end.

    Resamples without a score, as those that miss a rare class, are passed over; NaN where none has one.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
    """
    ends = np.full((2, *values.shape[1:]), np.nan)
    for place in np.ndindex(values.shape[1:]):
        column = values[(slice(None), *place)]
        known = column[~np.isnan(column)]
        if known.size:
            ends[(slice(None), *place)] = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return ends


def _weights(photographs: int) -> Iterator[Values]:
    """How often each photograph is drawn in each resample, `[1000, N]` at a time."""
    rng = np.random.default_rng(_SEED)
    for _ in range(0, RESAMPLES, _AT_ONCE):
        yield rng.multinomial(photographs, np.full(photographs, 1 / photographs), _AT_ONCE).astype(float)
