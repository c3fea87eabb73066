from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segdrone.selection.cells import CellMeans
from segdrone.windows import Window, grid


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(0, 1000))
def test_windows_give_the_means_of_the_whole(height: int, width: int, cells: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random((2, height, width), np.float32)
    valid = rng.random((height, width)) < 0.7
    means = CellMeans(2, (height, width), cells)
    size = min(height, 7), min(width, 9)
    for window in grid((height, width), size, size):
        means.add(window, values[:, window.rows, window.columns], valid[window.rows, window.columns])
    whole = CellMeans(2, (height, width), cells)
    whole.add(Window(0, 0, height, width), values, valid)
    found, expected = means.mean(Window(0, 0, height, width)), whole.mean(Window(0, 0, height, width))
    if height % size[0] == width % size[1] == 0:  # else windows overlap, and their pixels count twice
        assert np.allclose(found, expected, equal_nan=True)
        assert np.allclose(means.means(), whole.means(), equal_nan=True)
    true = values[:, valid].mean(1) if valid.any() else np.full(2, np.nan)
    assert np.allclose(expected, true, atol=1e-5, equal_nan=True)


def test_a_part_is_the_mean_of_its_cells() -> None:
    cells = CellMeans(1, (40, 60), cells=24)
    values = np.zeros((1, 40, 60), np.float32)
    values[0, 20:, 30:] = 1
    cells.add(Window(0, 0, 40, 60), values)
    assert cells.shape == (4, 6)
    assert cells.mean(Window(20, 30, 20, 30)) == 1
    assert cells.mean(Window(0, 0, 20, 30)) == 0
    assert cells.mean(Window(10, 30, 20, 30)) == 0.5


def test_coarse_values_fill_their_window() -> None:
    """Features of an encoder have fewer rows and columns than their window."""
    cells = CellMeans(1, (64, 64), cells=16)
    cells.add(Window(0, 0, 64, 64), np.array([[[1, 2], [3, 4]]], np.float32))
    assert cells.mean(Window(0, 0, 32, 32)) == 1
    assert cells.mean(Window(32, 32, 32, 32)) == 4
    assert np.isnan(CellMeans(1, (4, 4), 4).mean(Window(0, 0, 4, 4))).all()
