"""Annotations that are small to write and long to draw: drawn quickly, or refused in one line."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from segdrone.annotations import outlines, shapes
from segdrone.annotations.bitmaps import RunLengths
from segdrone.annotations.outlines import Points, ellipse, fill_outlines, stroke
from segdrone.annotations.shapes import Shape, rasterize
from segdrone.errors import DataError

ZIGZAG = np.array([(i % 6000, 0 if i % 2 else 4000) for i in range(2096)], np.float64)
SIZE = (4000, 6000)


def fill(size: tuple[int, int], parts: Sequence[Points]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    mask = np.zeros(size, np.uint8)
    fill_outlines(mask, parts, 1)
    return mask


def test_both_ways_to_fill_set_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        size = (int(random.integers(1, 60)), int(random.integers(1, 60)))
        parts = [random.uniform(-20, 80, (random.integers(3, 30), 2)).round(random.integers(0, 3)) for _ in range(2)]
        monkeypatch.setattr(outlines, "_GAP_COST", 0)
        by_gaps = fill(size, parts)
        monkeypatch.setattr(outlines, "_GAP_COST", 10**9)
        monkeypatch.setattr(outlines, "_CHUNK", int(random.integers(1, 50)))
        np.testing.assert_array_equal(fill(size, parts), by_gaps)


def test_an_outline_that_crosses_every_row_a_thousand_times_is_filled_in_a_second() -> None:
    started = time.process_time()
    mask = fill(SIZE, [ZIGZAG])
    assert time.process_time() - started < 3
    assert mask[:, :2000].any()
    assert not mask[:, 2100:].any()


@pytest.mark.parametrize(
    "shape",
    [
        Shape("car", "a.json: zigzag", [ZIGZAG]),
        Shape("car", "a.json: triangle", [np.array([(0, 0), (6000, 0), (3000, 4000)], np.float64)]),
        Shape("car", "a.json: line", stroke(np.array([(i, i % 7) for i in range(500)], np.float64), 4)),
        Shape("car", "a.json: runs", bitmap=RunLengths(np.array([0, 24_000_000]), SIZE, by_columns=True)),
    ],
    ids=["zigzag", "triangle", "line", "runs"],
)
def test_a_photograph_of_endless_shapes_is_refused(monkeypatch: pytest.MonkeyPatch, shape: Shape) -> None:
    cost = shape.draw(np.zeros(SIZE, np.uint8), 1)
    monkeypatch.setattr(shapes, "_MAX_COST", 2 * cost)
    monkeypatch.setattr(shapes, "_MAX_COVERS", 0)
    assert rasterize([shape] * 2, SIZE, {"car": 1}, 0).any()
    with pytest.raises(DataError, match="a.json: .* too many and too large to be drawn") as error:
        rasterize([shape] * 3, SIZE, {"car": 1}, 0)
    assert "\n" not in str(error.value)


def test_shapes_of_a_real_photograph_are_far_below_the_limit() -> None:
    tree = ellipse(300, 300, 150, 150)
    mask = np.zeros(SIZE, np.uint8)
    cost = sum(Shape("tree", "", [tree + np.array([100 * i, 50 * i])]).draw(mask, 1) for i in range(50))
    assert 100 * cost < shapes._MAX_COST


def test_huge_ellipses_have_few_points() -> None:
    assert len(ellipse(0, 0, 1e6, 1e6)) <= 512
    points = ellipse(0, 0, 2400, 2400)
    middles = (points + np.roll(points, 1, 0)) / 2
    assert np.abs(np.hypot(*middles.T) - 2400).max() < 0.05


def test_outlines_beside_the_photograph_set_nothing() -> None:
    square = np.array([(0, 0), (5, 0), (5, 5), (0, 5)], np.float64)
    for shift in ((-9, 0), (20, 0), (0, -9), (0, 20), (-1e6, -1e6), (1e6, 1e6)):
        assert not fill((10, 10), [square + shift]).any()
