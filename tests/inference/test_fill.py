from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segdrone.inference.fill import fill_from_nearest
from tests.helpers.drawn_masks import areas


def octagonal_distance(rows: int, columns: int) -> int:
    """Number of steps, in turn over 4 sides and 8 neighbors, counted one by one."""
    reached, steps = {(0, 0)}, 0
    while (rows, columns) not in reached:
        steps += 1
        near = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if steps % 2 == 0 or not (y and x)]
        reached |= {(row + y, column + x) for row, column in reached for y, x in near}
    return steps


DISTANCE = np.array([[octagonal_distance(rows, columns) for columns in range(12)] for rows in range(12)])


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6), st.sampled_from([0.3, 0.8, 0.97]))
def test_every_pixel_gets_the_class_of_one_of_the_nearest(height: int, width: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.integers(0, 3, (height, width), np.uint8)
    empty = rng.random((height, width)) < share
    filled = fill_from_nearest(mask, empty, 3)
    np.testing.assert_array_equal(filled[~empty], mask[~empty])
    given_pixels = np.argwhere(~empty)
    for row, column in np.argwhere(empty) if len(given_pixels) else ():
        distances = DISTANCE[tuple(np.abs(given_pixels - (row, column)).T)]
        assert filled[row, column] in {mask[tuple(place)] for place in given_pixels[distances == distances.min()]}


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_components_stay_connected(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.integers(0, 4, (20, 30), np.uint8)
    empty = rng.random(mask.shape) < 0.9
    before = np.where(empty, 9, mask)
    for class_id in range(4):
        assert len(areas(fill_from_nearest(mask, empty, 4), class_id)) <= len(areas(before, class_id))


def test_ignored_pixels_do_not_grow_and_are_not_crossed() -> None:
    mask = np.array([[1, 2, 255, 0, 0, 255]], np.uint8)
    empty = np.array([[0, 1, 0, 1, 1, 0]], bool)
    assert fill_from_nearest(mask, empty, 3).tolist() == [[1, 1, 255, 0, 0, 255]]


def test_a_mask_that_is_all_empty_stays() -> None:
    mask = np.array([[1, 2], [0, 1]], np.uint8)
    np.testing.assert_array_equal(fill_from_nearest(mask, np.ones((2, 2), bool), 3), mask)
