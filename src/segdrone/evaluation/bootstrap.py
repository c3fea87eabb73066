"""Estimate how certain a score is, by bootstrap over images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segdrone.evaluation.counts import Counts
from segdrone.evaluation.scores import PerImageStats, Values

CONFIDENCE_LEVEL = 0.95
RESAMPLES = 10_000
MIN_IMAGES = 20
"""Intervals of fewer images are too narrow: their resamples are too much alike."""

_CHUNK = 1000  # resamples at a time, to limit memory
_SEED = 0  # fixed, so that the same counts always give the same intervals


class Resamples(NamedTuple):
    """Scores of R resampled sets.

    Attributes:
        overall: Overall scores, each `[R]`.
        classes: Scores per class, each `[R, C]`.
    """

    overall: dict[str, Values]
    classes: dict[str, Values]


def resample(*sets: Counts) -> list[Resamples]:
    """Draws as many images as there are, with replacement, `RESAMPLES` times, and scores each draw.

    Several sets of counts must be of the same images in the same order. All are scored on the same draws, so that
    their differences are paired.

    Source: Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 1979.
    """
    return [_concatenate([*map(stats.weighted_scores, draws(len(sets[0].confusion)))])
            for stats in map(PerImageStats, sets)]  # fmt: skip


def interval(values: Values, level: float = CONFIDENCE_LEVEL) -> Values:
    """Returns the percentile interval of resampled scores.

    Resamples with NaN, such as those without any pixel of a rare class, are skipped.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.

    Args:
        values: Scores of R resamples, `[R, ...]`.
        level: Share of the resamples inside the interval, 0 to 1.

    Returns:
        Lower and upper end, `[2, ...]`; NaN if every resample is NaN.

    Example:
        >>> interval(np.arange(101.0), level=0.9).round(1).tolist()
        [5.0, 95.0]
    """
    ends = np.full((2, *values.shape[1:]), np.nan)
    for index in np.ndindex(values.shape[1:]):
        column = values[(slice(None), *index)]
        known = column[~np.isnan(column)]
        if known.size:
            ends[(slice(None), *index)] = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return ends


def _concatenate(chunks: list[tuple[dict[str, Values], dict[str, Values]]]) -> Resamples:
    overall, classes = (
        {key: np.concatenate([chunk[kind][key] for chunk in chunks]) for key in chunks[0][kind]} for kind in range(2)
    )
    return Resamples(overall, classes)


def ratio_intervals(numerators: Values, denominators: Values) -> Values:
    """Returns the interval of each of K ratios of two sums over images.

    Args:
        numerators: Values of each image, `[N, K]`.
        denominators: Values of each image, `[N, K]`.

    Returns:
        Lower and upper end, `[2, K]`; NaN where the second sum is 0 in every resample.

    Example:
        >>> ratio_intervals(np.array([[2.0], [2.0]]), np.array([[1.0], [1.0]])).tolist()
        [[2.0], [2.0]]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.concatenate([(drawn @ numerators) / (drawn @ denominators) for drawn in draws(len(numerators))])
    ratios[~np.isfinite(ratios)] = np.nan
    return interval(ratios)


def draws(images: int) -> Iterator[Values]:
    """Yields how often each image is drawn in each resample, `[1000, N]` at a time."""
    rng = np.random.default_rng(_SEED)
    for _ in range(0, RESAMPLES, _CHUNK):
        yield rng.multinomial(images, np.full(images, 1 / images), _CHUNK).astype(float)
