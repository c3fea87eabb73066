from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segdrone.windows import Size, Window, divide, even_stride, grid


@st.composite
def grids(draw: st.DrawFn) -> tuple[Size, Size, Size]:
    sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))
    image, window = draw(sizes), draw(sizes)
    return image, window, (draw(st.integers(1, window[0])), draw(st.integers(1, window[1])))


@given(grids())
def test_every_pixel_is_covered(case: tuple[Size, Size, Size]) -> None:
    image, window, stride = case
    count = np.zeros(image, int)
    for position in grid(image, window, stride):
        count[position.rows, position.columns] += 1
    assert count.min() >= 1


@given(grids())
def test_windows_have_one_size_and_stay_inside(case: tuple[Size, Size, Size]) -> None:
    image, window, stride = case
    windows = grid(image, window, stride)
    assert len(set(windows)) == len(windows)
    assert windows == sorted(windows)
    for position in windows:
        assert (position.height, position.width) == window
        for start, length, side in zip((position.top, position.left), window, image, strict=True):
            assert start >= 0
            assert start + length <= side if side >= length else start == 0


@given(grids())
def test_a_side_shorter_than_the_window_has_one_window(case: tuple[Size, Size, Size]) -> None:
    image, window, stride = case
    windows = grid(image, window, stride)
    if image[0] <= window[0]:
        assert {position.top for position in windows} == {0}
    if image[1] <= window[1]:
        assert {position.left for position in windows} == {0}


def test_the_last_window_is_moved_inside() -> None:
    assert grid((4, 10), (4, 4), (4, 4)) == [Window(0, 0, 4, 4), Window(0, 4, 4, 4), Window(0, 6, 4, 4)]


def test_no_window_is_repeated_where_the_stride_fits() -> None:
    assert [position.top for position in grid((8, 4), (4, 4), (2, 4))] == [0, 2, 4]


@given(grids())
def test_parts_cover_each_pixel_once_and_are_about_equal(case: tuple[Size, Size, Size]) -> None:
    image, largest, _ = case
    count, parts = np.zeros(image, int), divide(image, largest)
    for part in parts:
        count[part.rows, part.columns] += 1
    assert (count == 1).all()
    assert len(parts) == -(-image[0] // largest[0]) * -(-image[1] // largest[1])
    for sides, most in zip(zip(*((part.height, part.width) for part in parts), strict=True), largest, strict=True):
        assert max(sides) <= most
        assert max(sides) - min(sides) <= 1


@given(st.integers(1, 400), st.integers(1, 60), st.data())
def test_even_strides_keep_the_overlap_and_need_no_more_windows(length: int, window: int, data: st.DataObject) -> None:
    overlap, step = data.draw(st.integers(0, window - 1), "overlap"), data.draw(st.sampled_from([1, 4, 32]), "step")
    stride = even_stride(length, window, overlap, step)
    starts = [position.left for position in grid((1, length), (1, window), (1, stride))]
    largest = window - overlap
    assert stride <= largest
    if step <= largest:
        assert stride % step == 0
        largest -= largest % step
    assert len(starts) <= len(grid((1, length), (1, window), (1, largest)))
    gaps = np.diff(starts)
    assert step > 1 or gaps.size == 0 or gaps.max() - gaps.min() < gaps.size


@pytest.mark.parametrize(
    ("image", "window", "stride"),
    [
        ((0, 4), (2, 2), (2, 2)),
        ((4, 4), (2, 0), (2, 1)),
        ((4, 4), (2, 2), (0, 2)),
        ((4, 4), (2, 2), (3, 2)),
        ((4, 4), (2, 2), (2, 3)),
        ((4, -4), (2, 2), (2, 2)),
    ],
)
def test_grids_that_cannot_cover_are_refused(image: Size, window: Size, stride: Size) -> None:
    with pytest.raises(ValueError, match="sizes and stride must be at least 1 and the stride at most the window"):
        grid(image, window, stride)
