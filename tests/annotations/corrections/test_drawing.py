from __future__ import annotations

import numpy as np
import pytest

from segdrone.annotations.corrections.drawing import shows_same_things
from segdrone.classes import ClassTable

COLORS = ((1, 1, 1), (2, 2, 2))
MASK = np.array([[0, 0, 1, 1, 1, 1]], np.uint8)
NUMBERS = np.array([[1, 1, 2, 2, 3, 0]], np.uint16)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ([5, 5, 9, 9, 4, 0], True),
        ([0, 0, 9, 9, 4, 0], True),  # soil is no thing
        ([1, 1, 2, 2, 2, 0], False),  # two cars are one
        ([1, 1, 2, 4, 3, 0], False),  # a car is two
        ([1, 1, 2, 2, 3, 7], False),
        ([1, 1, 2, 2, 0, 0], False),
    ],
)
def test_numbers_do_not_matter(other: list[int], same: bool) -> None:
    table = ClassTable(("soil", "car"), COLORS, things=("car",))
    after = np.array([other], np.uint16)
    assert shows_same_things(NUMBERS, after, MASK, table) is same
    assert shows_same_things(after, NUMBERS, MASK, table) is same


def test_without_thing_classes_all_are_compared() -> None:
    table = ClassTable(("soil", "rock"), COLORS)
    assert not shows_same_things(NUMBERS, np.array([[0, 0, 2, 2, 3, 0]], np.uint16), MASK, table)
