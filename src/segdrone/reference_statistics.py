"""Distributions of statistics over the photographs that a model was validated on, for monitoring to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from segdrone.errors import CheckpointError

Values = NDArray[np.float64]

VERSION = 1
"""Version of the form and of the statistics. Another one is refused, since its values cannot be compared."""

LEVELS: Values = np.arange(21) / 20
"""Levels of the quantiles that are kept."""

MIN_PHOTOGRAPHS = 10
"""Fewer photographs are no reference."""

_MAX_COLUMNS = 1000
_LARGEST = 1e12  # of a quantile, and of a number of photographs
_DIGITS = 3


@dataclass(frozen=True)
class Distribution:
    """The distribution of a statistic.

    Args:
        photographs: Number of photographs that have a value.
        quantiles: Smallest value that is at least as large as the share `LEVELS` of them, as `round_values` gives it.

    Raises:
        CheckpointError: The quantiles are not ascending, finite, or as many as `LEVELS`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    photographs: int
    quantiles: tuple[float, ...]

    def __post_init__(self) -> None:
        bounded = all(abs(value) <= _LARGEST for value in self.quantiles)
        if len(self.quantiles) != len(LEVELS) or not bounded or (np.diff(self.quantiles) < 0).any():
            raise CheckpointError(f"the quantiles of a reference must be {len(LEVELS)} ascending numbers")
        _check_photographs(self.photographs)

    @property
    def median(self) -> float:
        """The median."""
        return self.quantiles[len(LEVELS) // 2]

    def bounds(self, values: Values, *, below: bool = False) -> tuple[Values, Values]:
        """Returns bounds of the cumulative distribution function, as far as the quantiles tell it.

        Args:
            values: Rounded values, `[N]`.
            below: Bounds of its limits from below instead, the share of smaller values.

        Returns:
            Lower and upper bounds, each `[N]`.
        """
        index = np.searchsorted(self.quantiles, values, side="left" if below else "right")
        levels = np.concatenate([[0.0], LEVELS, [1.0]])
        return levels[index], levels[index + 1]


@dataclass(frozen=True)
class ReferenceStatistics:
    """Distributions of the statistics of photographs and their predictions; no photograph can be told from them.

    Args:
        version: Version of the form.
        photographs: Number of photographs.
        columns: Distribution of each statistic, by its column of `summary.csv`.
        miou: mIoU of the predictions; None if unknown.
        miou_interval: Its interval; None if unknown.
        class_ious: IoU of each class that occurs in masks or predictions, by name; empty if unknown.

    Raises:
        CheckpointError: The version is another one, a score is not between 0 and 1, or there are too many columns.
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    version: int
    photographs: int
    columns: Mapping[str, Distribution]
    miou: float | None = None
    miou_interval: tuple[float, float] | None = None
    class_ious: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise CheckpointError(
                f"the model's reference statistics have version {self.version}, this segdrone reads {VERSION}: "
                "update segdrone"
            )
        _check_photographs(self.photographs)
        if len(self.columns) > _MAX_COLUMNS:
            raise CheckpointError(f"the model's reference statistics have more than {_MAX_COLUMNS} columns")
        scores = [self.miou, *(self.miou_interval or ()), *self.class_ious.values()]
        if not all(score is None or 0 <= score <= 1 for score in scores):
            raise CheckpointError("a score of the model's reference statistics is not between 0 and 1")

    @classmethod
    def from_values(cls, values: Mapping[str, Values], **scores: Any) -> ReferenceStatistics:
        """Builds the statistics of N photographs.

        Args:
            values: Values of each column, `[N]`, NaN where unknown; columns without any value are left out.
            **scores: `miou`, `miou_interval` and `class_ious`.

        Example:
            >>> reference = ReferenceStatistics.from_values({"noise": np.arange(100.0)})
            >>> reference.columns["noise"].quantiles[:4]
            (0.0, 4.0, 9.0, 14.0)
        """
        known = {name: column[np.isfinite(column)] for name, column in values.items()}
        columns = {name: _distribution(column) for name, column in known.items() if len(column)}
        photographs = max((len(column) for column in values.values()), default=0)
        return cls(VERSION, photographs, columns, **scores)


def round_values(values: Values) -> Values:
    """Rounds values to three significant digits, so that equal values stay equal when a reference is stored.

    Example:
        >>> round_values(np.array([0.393216, 12345.6, 0.0, -0.00012344])).tolist()
        [0.393, 12300.0, 0.0, -0.000123]
    """
    return np.array([float(f"{value:.{_DIGITS}g}") for value in np.asarray(values, float)])


def _check_photographs(number: int) -> None:
    if not 1 <= number <= _LARGEST:
        raise CheckpointError(f"a reference cannot be of {str(number)[:20]} photographs")


def _distribution(values: Values) -> Distribution:
    quantiles = np.quantile(round_values(values), LEVELS, method="inverted_cdf")
    return Distribution(len(values), tuple(map(float, quantiles)))
