"""The photographs that are most unlike the reference."""

from __future__ import annotations

import numpy as np
import pytest

from segdrone.monitor.strangest import strangest
from segdrone.reference_statistics import ReferenceStatistics
from tests.helpers.monitored import draw_values

REFERENCE = ReferenceStatistics.from_values(draw_values(100, 5))


def test_photographs_of_the_reference_have_a_distance_of_about_1() -> None:
    found = strangest(REFERENCE, draw_values(100, 6), 100)
    assert np.median([photograph.distance for photograph in found]) == pytest.approx(0.9, abs=0.15)


def test_odd_photographs_come_first_with_their_reasons() -> None:
    values = draw_values(40)
    values["brightness"][7], values["noise"][7], values["share_grass"][7] = -9, 9, 0.999
    for name in values:
        values[name][23] = 99
    first, second, *_ = found = strangest(REFERENCE, values, 5)
    assert (first.row, second.row, len(found)) == (23, 7, 5)
    assert {*second.columns[:2]} == {("brightness", -1), ("noise", 1)}
    assert first.distance > second.distance > 1


def test_beyond_the_range_farther_is_stranger() -> None:
    values = draw_values(3)
    for name in values:
        values[name][:] = [10, 1000, 5]
    assert [photograph.row for photograph in strangest(REFERENCE, values, 3)] == [1, 0, 2]


def test_unknown_values_do_not_count() -> None:
    values = {name: np.full(2, np.nan) for name in draw_values(2)}
    values["noise"] = np.array([50.0, np.nan])
    first, second = strangest(REFERENCE, values, 2)
    assert (first.row, second.row, second.distance, second.columns) == (0, 1, 0.0, ())
    assert first.columns == (("noise", 1),)


def test_nothing_in_common_has_no_strangest() -> None:
    assert strangest(REFERENCE, {"other": np.arange(5.0)}, 3) == []
