from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segdrone.audit.regions import Grid, Region, find_regions
from segdrone.classes import ClassTable
from segdrone.windows import Window

TABLE = ClassTable(("a", "b", "c"), ((0, 0, 0), (9, 9, 9), (99, 99, 99)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), numbered=st.booleans())
def test_regions_divide_the_labeled_pixels(seed: int, numbered: bool) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.choice(np.array([0, 1, 2, 255], np.uint8), (9, 13))
    numbers = rng.integers(0, 3, mask.shape).astype(np.uint16) if numbered else None
    count = np.zeros(mask.shape, int)
    for region in find_regions(mask, TABLE, 1, numbers):
        assert region.pixels.sum() == region.area and region.pixels.shape == region.window[2:]
        part = region.window.rows, region.window.columns
        count[part] += region.pixels
        assert (mask[part][region.pixels] == region.class_id).all()
        assert numbers is None or len({*numbers[part][region.pixels].tolist()}) == 1
    np.testing.assert_array_equal(count, mask != 255)


def test_small_regions_are_left_out() -> None:
    mask = np.array([[0, 0, 0, 1, 2, 2]], np.uint8)
    assert [region.area for region in find_regions(mask, TABLE, 2)] == [3, 2]


def test_cells_show_the_pixels_in_their_middles() -> None:
    grid = Grid((6, 9), (2, 3))
    pixels = np.zeros((6, 9), bool)
    pixels[:4, 3:] = True
    window, cells = grid.cells(Region(0, Window(0, 3, 6, 6), 24, pixels[:, 3:]))
    assert window == (0, 1, 2, 2) and cells.tolist() == [[True, True], [False, False]]
    assert grid.sample(pixels.astype(np.uint8)).tolist() == [[0, 1, 1], [0, 0, 0]]


def test_a_line_between_the_middles_has_the_cells_that_it_crosses() -> None:
    window, cells = Grid((8, 8), (2, 2)).cells(Region(0, Window(0, 0, 1, 8), 8, np.ones((1, 8), bool)))
    assert window == (0, 0, 1, 2) and cells.all()
