from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.errors import ConfigError
from segdrone.inference.temporal import TemporalMajority

Masks = list[NDArray[np.uint8]]


def brute_force(masks: Masks) -> NDArray[np.uint8]:
    """Counts the votes of every pixel one by one; masks are oldest first."""
    result = np.empty_like(masks[0])
    for place in np.ndindex(*result.shape):
        newest_first = [int(mask[place]) for mask in reversed(masks)]
        votes = Counter(newest_first)
        result[place] = next(value for value in newest_first if votes[value] == max(votes.values()))
    return result


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_each_pixel_gets_the_most_frequent_class(length: int, count: int, classes: int, seed: int) -> None:
    ids = np.array([0, 7, 22, 254, 255], np.uint8)
    masks = [ids[mask] for mask in np.random.default_rng(seed).integers(0, classes, (count, 3, 5))]
    vote = TemporalMajority(length)
    for now, mask in enumerate(masks):
        np.testing.assert_array_equal(vote(mask), brute_force(masks[max(0, now + 1 - length) : now + 1]))


def test_of_equal_counts_the_newest_class_wins() -> None:
    vote = TemporalMajority(4)
    given_masks = [np.full((1, 1), value, np.uint8) for value in (1, 1, 2, 2)]
    assert [int(vote(mask)[0, 0]) for mask in given_masks] == [1, 1, 1, 2]


def test_votes_of_the_longest_window_do_not_overflow() -> None:
    vote = TemporalMajority(255)
    for _ in range(255):
        smoothed = vote(np.full((1, 1), 3, np.uint8))
    assert smoothed[0, 0] == 3
    assert vote(np.full((1, 1), 4, np.uint8))[0, 0] == 3


def test_the_masks_are_not_changed() -> None:
    vote, masks = TemporalMajority(3), [np.full((2, 2), value, np.uint8) for value in (1, 1, 2)]
    for mask in masks:
        vote(mask)[:] = 9
    assert [int(mask.max()) for mask in masks] == [1, 1, 2]


@pytest.mark.parametrize("length", [0, -1, 256])
def test_a_length_out_of_its_range_is_refused(length: int) -> None:
    with pytest.raises(ConfigError, match=rf"smooth={length} must be a number of frames"):
        TemporalMajority(length)
