from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco

from segdrone.annotations.bitmaps import Runs
from segdrone.annotations.shapes import Points, Shape, area, box, ellipse, make_mask, stroke, turned
from segdrone.errors import DataError
from tests.annotations.conftest import SIZE, centres


def drawn(*polygons: Points | list[tuple[float, float]], size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    outlines = [np.array(polygon, np.float64) for polygon in polygons]
    return make_mask([Shape("a", "here", outlines)], size, {"a": 1}, 0) == 1


def inside(polygon: Points, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Even-odd rule at every pixel's centre, a ray to the right, edge by edge."""
    x, y = centres(size)
    odd = np.zeros(size, bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if y1 != y2:
            odd ^= ((y1 <= y) != (y2 <= y)) & (x < x1 + (y - y1) / (y2 - y1) * (x2 - x1))
    return odd


def test_a_square_of_10_has_100_pixels_wherever_it_lies() -> None:
    expected = np.zeros(SIZE, bool)
    expected[20:30, 10:20] = True
    for shift in (0, 0.3, -0.3, 0.49):
        np.testing.assert_array_equal(drawn(box(10, 20, 20, 30) + shift), expected)


def test_a_pixel_belongs_to_the_outline_that_holds_its_centre() -> None:
    assert not drawn(box(10.51, 20, 20, 30))[25, 10]
    assert drawn(box(10.49, 20, 20, 30))[25, 10]
    assert not drawn(box(10, 20, 20.49, 30))[25, 20]
    assert drawn(box(10, 20, 20.51, 30))[25, 20]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-30, 60), st.floats(-30, 60)), min_size=3, max_size=9))
def test_any_outline_holds_the_centres_that_a_ray_says(corners: list[tuple[float, float]]) -> None:
    corners = [(x + 0.0137, y + 0.0071) for x, y in corners]  # no edge runs through a pixel's centre
    polygon = np.round(np.array(corners), 2) + 0.003  # no centre lies on an edge
    np.testing.assert_array_equal(drawn(polygon, size=(24, 32)), inside(polygon, (24, 32)))


@settings(max_examples=60, deadline=None)
@given(*[st.tuples(st.floats(-9, 40), st.floats(-9, 33)) for _ in range(2)], st.floats(1, 60), st.floats(1, 60))
def test_neighbours_share_no_pixel_and_leave_none_out(
    start: tuple[float, float], end: tuple[float, float], left: float, right: float
) -> None:
    first = [start, end, (end[0] + right, end[1]), (start[0] + right, start[1])]
    second = [start, (start[0] - left, start[1]), (end[0] - left, end[1]), end]
    both = [
        (start[0] - left, start[1]),
        (end[0] - left, end[1]),
        (end[0] + right, end[1]),
        (start[0] + right, start[1]),
    ]
    size = (24, 32)
    assert not (drawn(first, size=size) & drawn(second, size=size)).any()
    np.testing.assert_array_equal(drawn(first, size=size) | drawn(second, size=size), drawn(both, size=size))


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools
def test_an_outline_agrees_with_pycocotools() -> None:
    size = (400, 400)
    outline = turned(ellipse(190, 210, 150, 80), 25, 190, 210)
    theirs = coco.decode(coco.merge(coco.frPyObjects([outline.ravel().tolist()], *size))).astype(bool)
    ours = drawn(outline, size=size)
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.99
    assert ours.sum() == pytest.approx(np.pi * 150 * 80, rel=0.001)


def test_what_hangs_over_the_edge_is_cut_off() -> None:
    expected = np.zeros(SIZE, bool)
    expected[:5, 90:] = True
    np.testing.assert_array_equal(drawn(box(90, -1e6, 1e6, 5)), expected)
    assert not drawn(box(-50, 10, -10, 20)).any()
    assert drawn(box(-1e6, -1e6, 1e6, 1e6)).all()


def test_polygons_of_one_shape_are_their_union() -> None:
    both = drawn(box(5, 5, 20, 20), box(10, 10, 30, 30))
    np.testing.assert_array_equal(both, drawn(box(5, 5, 20, 20)) | drawn(box(10, 10, 30, 30)))
    assert both[15, 15]


def test_later_lies_over_earlier_unless_the_order_says_otherwise() -> None:
    ids = {"low": 3, "high": 7}
    low, high = (Shape(label, "here", [box(0, 0, 9, 9)]) for label in ids)
    assert make_mask([low, high], SIZE, ids, 255)[4, 4] == 7
    assert make_mask([high, low], SIZE, ids, 255)[4, 4] == 3
    assert make_mask([Shape("high", "here", high.polygons, order=1), low], SIZE, ids, 255)[4, 4] == 7
    assert make_mask([low, high], SIZE, ids, 255)[20, 20] == 255


def test_an_ellipse_is_filled_to_its_rim() -> None:
    x, y = centres()
    expected = ((x - 40) / 25) ** 2 + ((y - 30) / 12) ** 2 <= 1
    assert (drawn(ellipse(40, 30, 25, 12)) != expected).sum() <= 4
    assert area(ellipse(0, 0, 3000, 3000)) == pytest.approx(np.pi * 3000**2, rel=1e-4)


def test_turning_is_clockwise_on_the_screen() -> None:
    np.testing.assert_allclose(turned(np.array([[10.0, 0.0]]), 90, 0, 0), [[0, 10]], atol=1e-9)
    np.testing.assert_allclose(turned(np.array([[10.0, 5.0]]), 180, 4, 5), [[-2, 5]], atol=1e-9)


def test_a_line_is_as_wide_as_asked_with_round_ends() -> None:
    line = drawn(*stroke(np.array([[20.0, 32.0], [70.0, 32.0]]), 10))
    x, y = centres()
    distance = np.hypot(x - np.clip(x, 20, 70), y - 32)
    assert (line != (distance <= 5)).sum() <= 4
    assert line[:, 40].sum() == 10


def test_an_outline_of_endless_zigzag_is_refused_before_it_takes_the_memory() -> None:
    zigzag = np.tile([[0.0, 0.0], [5.0, 4000.0]], (3000, 1))
    with pytest.raises(DataError, match=r"^a.json: shapes\[3\] has an outline that crosses 2\d{7} rows of pixels"):
        Shape("a", "a.json: shapes[3]", [zigzag]).draw(np.zeros((4000, 8), np.uint8), 1)


def test_a_bitmap_over_the_edge_is_cut_or_refused_by_its_kind() -> None:
    class Block:
        def pixels(self, size: tuple[int, int]) -> tuple[int, int, NDArray[np.bool_]]:
            return self.top, self.left, np.ones((4, 6), bool)

        def __init__(self, top: int, left: int) -> None:
            self.top, self.left = top, left

    for top, left, count in ((-1, -2, 12), (8, 9, 2), (11, 0, 0), (0, 10, 0), (-9, 0, 0), (0, 0, 24)):
        out = np.zeros((10, 10), np.uint8)
        Shape("a", "here", bitmap=Block(top, left)).draw(out, 1)
        assert out.sum() == count, (top, left)
    runs = Runs(np.array([0, 24]), (4, 6), top=8, left=0)
    with pytest.raises(DataError, match="here is a mask of 6 x 4 pixels at column 0, row 8, which does not fit into"):
        Shape("a", "here", bitmap=runs).draw(np.zeros((10, 10), np.uint8), 1)
