from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segdrone.selection.diverse import k_center_greedy, shortlist


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 25), st.integers(0, 5), st.integers(1, 12), st.integers(0, 1000))
def test_each_is_the_farthest_from_those_before(count: int, labeled: int, wanted: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, centers = rng.random((count, 3)), rng.random((labeled, 3))
    choices = k_center_greedy(features, centers, wanted, {})
    assert len({choice.place for choice in choices}) == len(choices) == min(count, wanted)
    known = [*centers]
    for choice in choices:
        if known:
            distances = [min(np.linalg.norm(one - center) for center in known) for one in features]
            assert np.isclose(distances[choice.place], max(distances))
            assert np.isclose(choice.distance, max(distances))
        else:
            assert choice.place == 0
        known.append(features[choice.place])


def test_conflicts_are_not_chosen_together() -> None:
    features = np.array([[0.0], [9.0], [8.0], [1.0]])
    choices = k_center_greedy(features, np.empty((0, 1)), 4, {1: [2], 2: [1], 0: [3], 3: [0]})
    assert [choice.place for choice in choices] == [0, 1]


def test_those_behind_the_shortlist_follow_in_order() -> None:
    choices = k_center_greedy(np.zeros((2, 1)), np.zeros((1, 1)), 4, {0: [2]}, candidates=5)
    assert [choice.place for choice in choices] == [0, 1, 3, 4]
    assert np.isnan(choices[-1].distance)


def test_the_shortlist_has_room_for_all_that_are_wanted() -> None:
    assert shortlist(10, 20) == shortlist(10, 10) == 10
    assert shortlist(5, 1) == 2
