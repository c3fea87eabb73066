from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segdrone.windows import Size, Window, even_stride, grid


@st.composite
def grids(draw: st.DrawFn) -> tuple[Size, Size, Size]:
    sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))
    image, window = draw(sizes), draw(sizes)
    return image, window, (draw(st.integers(1, window[0])), draw(st.integers(1, window[1])))


@given(grids())
def test_every_pixel_is_covered(case: tuple[Size, Size, Size]) -> None:
    image, window, stride = case
    shown = np.zeros(image, int)
    for place in grid(image, window, stride):
        shown[place.rows, place.columns] += 1
    assert shown.min() >= 1


@given(grids())
def test_windows_have_one_size_and_stay_inside(case: tuple[Size, Size, Size]) -> None:
    image, window, stride = case
    windows = grid(image, window, stride)
    assert len(set(windows)) == len(windows)
    assert windows == sorted(windows)
    for place in windows:
        assert (place.height, place.width) == window
        for start, length, side in zip((place.top, place.left), window, image, strict=True):
            assert start >= 0
            assert start + length <= side if side >= length else start == 0


@given(grids())
def test_a_short_side_has_one_hanging_window(case: tuple[Size, Size, Size]) -> None:
    image, window, stride = case
    windows = grid(image, window, stride)
    if image[0] <= window[0]:
        assert {place.top for place in windows} == {0}
    if image[1] <= window[1]:
        assert {place.left for place in windows} == {0}


def test_last_window_is_pulled_inside() -> None:
    assert grid((4, 10), (4, 4), (4, 4)) == [Window(0, 0, 4, 4), Window(0, 4, 4, 4), Window(0, 6, 4, 4)]


def test_no_window_is_drawn_twice_where_the_stride_fits() -> None:
    assert [place.top for place in grid((8, 4), (4, 4), (2, 4))] == [0, 2, 4]


@given(st.integers(1, 400), st.integers(1, 60), st.data())
def test_even_strides_keep_the_overlap_and_need_no_more_windows(length: int, window: int, data: st.DataObject) -> None:
    overlap, step = data.draw(st.integers(0, window - 1), "overlap"), data.draw(st.sampled_from([1, 4, 32]), "step")
    stride = even_stride(length, window, overlap, step)
    starts = [place.left for place in grid((1, length), (1, window), (1, stride))]
    most = window - overlap
    assert stride <= most
    if step <= most:
        assert stride % step == 0
        most -= most % step
    assert len(starts) <= len(grid((1, length), (1, window), (1, most)))
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
