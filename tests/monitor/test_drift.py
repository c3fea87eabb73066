"""The comparison of a window with a reference: values by hand, false alarms, power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from segdrone.errors import ConfigError, DataError
from segdrone.monitor.drift import ColumnDrift, Drift, compare
from segdrone.reference_statistics import ReferenceStatistics
from tests.helpers.monitored import Values, draw_values


def drift_of(reference: Values, window: Values, level: float = 0.01) -> ColumnDrift:
    (column,) = compare(ReferenceStatistics.from_values({"noise": reference}), {"noise": window}, level).columns
    return column


def compare_drawn(seed: int, window: int, reference: int, **changes: Values) -> Drift:
    known = ReferenceStatistics.from_values(draw_values(reference, seed + 1_000_000))
    return compare(known, {**draw_values(window, seed), **changes})


def test_the_distance_is_that_of_scipy_less_what_quantiles_leave_open() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.5, 2.0):
        reference, window = rng.normal(0, 1, 54).round(3), rng.normal(shift, 1, 50).round(3)
        exact = stats.ks_2samp(reference, window).statistic
        assert exact - 0.05 - 1e-9 <= drift_of(reference, window).distance <= exact + 1e-9


def test_its_probability_is_a_bound() -> None:
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.7, 1.5):
        reference, window = rng.normal(0, 1, 54).round(3), rng.normal(shift, 1, 50).round(3)
        assert 10 ** drift_of(reference, window).log_p >= stats.ks_2samp(reference, window).pvalue


def test_separate_values_by_hand() -> None:
    column = drift_of(np.arange(100.0), np.arange(200.0, 300.0))
    assert (column.distance, column.direction, column.reference) == (1.0, 1.0, 49.0)
    assert column.log_p == pytest.approx(math.log10(2 * math.exp(-100)))


def test_the_index_by_hand() -> None:
    """Bins hold 0 and 0.2 five times; half a photograph is added to each."""
    reference, window = np.repeat(np.arange(5.0), 20), np.repeat([3.0, 4.0], 25)
    expected = np.array([0.5, *[10.5] * 5]) / 53
    found = np.array([0.5, 0.5, 0.5, 0.5, 25.5, 25.5]) / 53
    assert drift_of(reference, window).psi == pytest.approx(((found - expected) * np.log(found / expected)).sum())


def test_the_index_by_chance_is_a_quantile_of_chi_squared() -> None:
    column = drift_of(np.random.default_rng(0).normal(0, 1, 54), np.random.default_rng(1).normal(0, 1, 50))
    assert column.psi_by_chance == pytest.approx(stats.chi2.ppf(0.95, 5) * (1 / 54 + 1 / 50), rel=0.01)


def test_a_constant_that_changes_is_found_by_distance_and_index() -> None:
    column = drift_of(np.full(54, 95.0), np.full(50, 74.8))
    assert (column.distance, column.direction) == (1.0, -1.0)
    assert column.psi > 5 * column.psi_by_chance
    same = drift_of(np.full(54, 95.0), np.full(50, 95.0))
    assert (same.distance, same.direction) == (0.0, 0.0)
    assert same.psi == pytest.approx(0.0)


def test_values_equal_but_for_rounding_do_not_differ() -> None:
    assert drift_of(np.full(54, 0.393216), np.full(50, 0.3932161)).distance == 0


def test_the_correction_is_that_of_holm() -> None:
    reference = ReferenceStatistics.from_values({name: np.arange(100.0) for name in "abcd"})
    window = {name: np.arange(100.0) + shift for name, shift in zip("abcd", (0, 30, 40, 60), strict=True)}
    columns = compare(reference, window).columns
    p = [min(1.0, 10**column.log_p) for column in columns]
    assert [column.column for column in columns] == ["d", "c", "b", "a"]
    assert [column.adjusted for column in columns] == pytest.approx([4 * p[0], 3 * p[1], 2 * p[2], 1.0])


@pytest.mark.parametrize(("window", "reference"), [(50, 54), (20, 20), (12, 400)])
def test_windows_without_drift_raise_few_alarms(window: int, reference: int) -> None:
    alarms = sum(compare_drawn(seed, window, reference).alarm for seed in range(60))
    assert alarms <= 1  # of 60: 1 % at most is promised, and the bounds leave less


def test_a_shift_of_one_statistic_is_found() -> None:
    brighter = draw_values(50)["brightness"] + 0.6  # two standard deviations
    drift = compare_drawn(0, 50, 54, brightness=brighter)
    assert [column.column for column in drift.drifted] == ["brightness"]
    assert drift.alarm
    assert drift.score > 2


def test_the_score_is_2_at_the_threshold_of_1_percent() -> None:
    for shift in np.linspace(0, 0.8, 17):
        drift = compare_drawn(3, 50, 54, noise=draw_values(50, 3)["noise"] + shift)
        assert drift.alarm == (drift.score >= 2)


def test_small_sets_need_larger_differences() -> None:
    shifted = draw_values(8)["brightness"] + 0.45
    assert not compare_drawn(0, 8, 54, brightness=shifted).alarm
    assert compare_drawn(0, 50, 54, brightness=draw_values(50)["brightness"] + 0.45).alarm


def test_a_class_that_few_photographs_have_needs_more() -> None:
    confidence = np.full(50, np.nan)
    confidence[:3] = 0.01
    assert not compare_drawn(0, 50, 54, confidence_car=confidence).alarm


def test_a_single_photograph_is_too_few() -> None:
    with pytest.raises(
        DataError, match=r"1 photograph is too few .* 54 of the reference: give at least \d+, better 50"
    ):
        compare_drawn(0, 1, 54)


def test_the_number_that_the_error_asks_for_is_enough() -> None:
    with pytest.raises(DataError) as caught:
        compare_drawn(0, 2, 54)
    needed = int(str(caught.value).split("at least ")[1].split(",")[0])
    far = {name: values + 100 for name, values in draw_values(needed).items()}
    assert compare_drawn(0, needed, 54, **far).alarm
    with pytest.raises(DataError, match="too few"):
        compare_drawn(0, needed - 1, 54)


def test_a_reference_of_few_photographs_is_too_small() -> None:
    with pytest.raises(DataError, match="the reference has 3 photographs, which are too few"):
        compare_drawn(0, 50, 3)


@pytest.mark.parametrize("level", [0.0, -1.0, 0.6, float("nan")])
def test_a_level_out_of_range_is_refused(level: float) -> None:
    with pytest.raises(ConfigError, match="above 0 and at most 0.5"):
        drift_of(np.arange(50.0), np.arange(50.0), level)


def test_nothing_in_common_is_refused() -> None:
    reference = ReferenceStatistics.from_values({"a": np.arange(50.0)})
    with pytest.raises(DataError, match="no statistic in common"):
        compare(reference, {"b": np.arange(50.0), "a": np.full(50, np.nan)})
