"""Find out which statistics of photographs differ from a reference by more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from segdrone.errors import ConfigError, DataError
from segdrone.reference_statistics import Distribution, ReferenceStatistics, Values, round_values

FALSE_ALARMS = 0.01
"""Share of windows without drift that raise an alarm, at most."""

_EDGES = (4, 8, 12, 16)  # of PSI's bins: quintiles in `LEVELS`; of 50 photographs, ten bins would hold five each
_CHANCE = 0.95


@dataclass(frozen=True)
class ColumnDrift:
    """How a statistic of a window of photographs differs from the reference.

    Attributes:
        column: Its column of `summary.csv`.
        photographs: Number of photographs of the window that have a value.
        reference: Median of the reference.
        median: Median of the window.
        direction: Probability that a value of the window is larger than one of the reference, less that it is smaller:
            -1 to 1 (Cliff's delta).
        distance: Kolmogorov-Smirnov distance, as far as the reference's quantiles make it certain, 0 to 1.
        log_p: Decimal logarithm of a bound of the probability of such a distance without drift; may be above 0.
        adjusted: This bound, corrected for the number of statistics (Holm), at most 1.
        psi: Population stability index over quintiles of the reference.
        psi_by_chance: What it stays below in 95 % of the windows without drift.
    """

    column: str
    photographs: int
    reference: float
    median: float
    direction: float
    distance: float
    log_p: float
    adjusted: float
    psi: float
    psi_by_chance: float


@dataclass(frozen=True)
class Drift:
    """How a window of photographs differs from the reference.

    Attributes:
        photographs: Number of photographs in the window.
        reference_photographs: Number of photographs of the reference.
        level: Share of windows without drift that raise an alarm, at most.
        columns: The statistics, the least probable first.
    """

    photographs: int
    reference_photographs: int
    level: float
    columns: tuple[ColumnDrift, ...]

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The statistics that differ by more than chance."""
        return tuple(column for column in self.columns if column.adjusted <= self.level)

    @property
    def alarm(self) -> bool:
        """Whether any statistic differs by more than chance."""
        return bool(self.drifted)

    @property
    def score(self) -> float:
        """Overall score: 2 is an alarm at a level of 1 %, 3 one at 0.1 %.

        It is the negative logarithm of the smallest p-value times the number of statistics.
        """
        return -self.columns[0].log_p - math.log10(len(self.columns))


def compare(reference: ReferenceStatistics, values: Mapping[str, Values], level: float = FALSE_ALARMS) -> Drift:
    """Compares a window of photographs with a reference.

    Each statistic is tested by the distance of Kolmogorov and Smirnov. Its probability without drift is at most
    `2 exp(-2 D^2 n m / (n + m))` (Massart's inequality for two samples: Wei and Dudley, Statistics and Probability
    Letters 2012), also for values that repeat. The correction of Holm (Scandinavian Journal of Statistics 1979) holds
    however the statistics depend on each other: without drift, the probability of any alarm is at most `level`, if the
    photographs are independent.

    Args:
        reference: The reference.
        values: Values of each column for N photographs, `[N]`, NaN where unknown.
        level: Share of windows without drift that raise an alarm, at most; above 0 and at most 0.5.

    Raises:
        ConfigError: `level` is out of its range.
        DataError: There are too few photographs for any alarm at this level, or no common statistic.
    """
    if not 0 < level <= 0.5:
        raise ConfigError(f"a share of false alarms of {level} must be above 0 and at most 0.5")
    known = {name: column[np.isfinite(column)] for name, column in values.items() if name in reference.columns}
    known = {name: column for name, column in known.items() if len(column)}
    if not known:
        raise DataError("the photographs and the reference have no statistic in common: predict them again")
    photographs = max(len(column) for column in values.values())
    _check_number(photographs, reference.photographs, len(known), level)
    columns = sorted(
        (_compare_column(name, reference.columns[name], round_values(column)) for name, column in known.items()),
        key=lambda column: (column.log_p, column.column),
    )
    return Drift(photographs, reference.photographs, level, tuple(_holm(columns)))


def _check_number(photographs: int, reference: int, columns: int, level: float) -> None:
    """Checks that photographs that all differ from all of the reference would raise an alarm.

    Raises:
        DataError: They would not.
    """
    effective = math.log(2 * columns / level) / 2
    if _effective(photographs, reference) >= effective:
        return
    if reference <= effective:
        raise DataError(
            f"the reference has {reference} photographs, which are too few for an alarm: give one of more than "
            f"{math.ceil(effective)}, better of 50"
        )
    needed = math.ceil(effective * reference / (reference - effective))
    raise DataError(
        f"{photographs} photograph{'s are' if photographs != 1 else ' is'} too few to compare with the "
        f"{reference} of the reference: give at least {needed}, better 50"
    )


def _effective(first: int, second: int) -> float:
    return first * second / (first + second)


def _compare_column(name: str, reference: Distribution, values: Values) -> ColumnDrift:
    distance = _distance(reference, values)
    exponent = 2 * distance**2 * _effective(len(values), reference.photographs)
    bins = _bins(reference, values)
    quantiles = np.array(reference.quantiles)
    return ColumnDrift(
        column=name,
        photographs=len(values),
        reference=reference.median,
        median=float(np.median(values)),
        direction=float(np.sign(values[:, None] - quantiles).mean()),
        distance=distance,
        log_p=math.log10(2) - exponent / math.log(10),
        adjusted=1.0,
        psi=_psi(*bins, len(values)),
        psi_by_chance=_psi_by_chance(len(bins[0]), len(values), reference.photographs),
    )


def _distance(reference: Distribution, values: Values) -> float:
    """Returns the largest difference of the cumulative distribution functions that is certain."""
    unique, counts = np.unique(values, return_counts=True)
    up_to = counts.cumsum() / len(values)
    _, highest = reference.bounds(unique)
    lowest, _ = reference.bounds(unique, below=True)
    above, below = up_to - highest, lowest - (up_to - counts / len(values))
    return max(0.0, float(above.max()), float(below.max()))


def _bins(reference: Distribution, values: Values) -> tuple[Values, Values]:
    """Returns the share of the reference and of the values below the reference, and between its distinct quintiles."""
    below = np.nextafter(reference.quantiles[0], -np.inf)
    edges = np.unique([below, *(reference.quantiles[i] for i in _EDGES)])
    expected = np.diff([0.0, *(reference.bounds(edges)[0]), 1.0])
    found = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) / len(values)
    return expected, found


def _psi(expected: Values, found: Values, photographs: int) -> float:
    """Returns the population stability index; half a photograph is added to each bin, so that none is empty."""
    expected, found = ((shares * photographs + 0.5) / (photographs + 0.5 * len(shares)) for shares in (expected, found))
    return float(((found - expected) * np.log(found / expected)).sum())


def _psi_by_chance(bins: int, first: int, second: int) -> float:
    """Returns the 95 % quantile of the PSI without drift.

    PSI is distributed as chi-squared times (1 / n + 1 / m) (Yurdakul and Naranjo, Journal of Risk Model Validation
    2020), whose quantile is that of Wilson and Hilferty (PNAS 1931).
    """
    freedom = bins - 1
    part = 2 / (9 * freedom)
    quantile = freedom * (1 - part + NormalDist().inv_cdf(_CHANCE) * math.sqrt(part)) ** 3
    return quantile / _effective(first, second)


def _holm(columns: list[ColumnDrift]) -> list[ColumnDrift]:
    """Corrects p-values, which ascend, for their number."""
    corrected, largest = [], 0.0
    for rank, column in enumerate(columns):
        largest = max(largest, min(1.0, (len(columns) - rank) * 10 ** min(0.0, column.log_p)))
        corrected.append(replace(column, adjusted=largest))
    return corrected
