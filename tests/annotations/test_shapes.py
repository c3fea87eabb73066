from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco

from segdrone.annotations.bitmaps import RunLengths
from segdrone.annotations.shapes import Points, Shape, box, ellipse, polygon_area, rasterize, rotate, stroke
from segdrone.errors import DataError
from tests.annotations.conftest import SIZE, centers


def drawn(*polygons: Points | list[tuple[float, float]], size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    outlines = [np.array(polygon, np.float64) for polygon in polygons]
    return np.equal(rasterize([Shape("a", "here", outlines)], size, {"a": 1}, 0), 1)


def inside(polygon: Points, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Even-odd rule at every pixel's center, a ray to the right, edge by edge."""
    x, y = centers(size)
    odd = np.zeros(size, bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if y1 != y2:
            odd ^= ((y1 <= y) != (y2 <= y)) & (x < x1 + (y - y1) / (y2 - y1) * (x2 - x1))
    return odd


def test_square_of_10_has_100_pixels_at_any_position() -> None:
    expected = np.zeros(SIZE, bool)
    expected[20:30, 10:20] = True
    for shift in (0, 0.3, -0.3, 0.49):
        np.testing.assert_array_equal(drawn(box(10, 20, 20, 30) + shift), expected)


def test_pixel_belongs_to_the_outline_that_contains_its_center() -> None:
    assert not drawn(box(10.51, 20, 20, 30))[25, 10]
    assert drawn(box(10.49, 20, 20, 30))[25, 10]
    assert not drawn(box(10, 20, 20.49, 30))[25, 20]
    assert drawn(box(10, 20, 20.51, 30))[25, 20]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-30, 60), st.floats(-30, 60)), min_size=3, max_size=9))
def test_outline_contains_the_centers_found_by_ray_casting(corners: list[tuple[float, float]]) -> None:
    polygon = np.round(np.array(corners), 2) + np.array((0.0037, 0.0011))  # no edge runs through a pixel's center
    np.testing.assert_array_equal(drawn(polygon, size=(24, 32)), inside(polygon, (24, 32)))


@settings(max_examples=60, deadline=None)
@given(*[st.tuples(st.floats(-9, 40), st.floats(-9, 33)) for _ in range(2)], st.floats(1, 60), st.floats(1, 60))
def test_neighbors_share_no_pixel_and_leave_no_gap(
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
def test_outline_agrees_with_pycocotools() -> None:
    size = (400, 400)
    outline = rotate(ellipse(190, 210, 150, 80), 25, 190, 210)
    theirs = coco.decode(coco.merge(coco.frPyObjects([outline.ravel().tolist()], *size))).astype(bool)
    ours = drawn(outline, size=size)
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.99
    assert ours.sum() == pytest.approx(np.pi * 150 * 80, rel=0.001)


def test_parts_outside_the_photograph_are_cut_off() -> None:
    expected = np.zeros(SIZE, bool)
    expected[:5, 90:] = True
    np.testing.assert_array_equal(drawn(box(90, -1e6, 1e6, 5)), expected)
    assert not drawn(box(-50, 10, -10, 20)).any()
    assert drawn(box(-1e6, -1e6, 1e6, 1e6)).all()


def test_polygons_of_a_shape_are_joined() -> None:
    both = drawn(box(5, 5, 20, 20), box(10, 10, 30, 30))
    np.testing.assert_array_equal(both, drawn(box(5, 5, 20, 20)) | drawn(box(10, 10, 30, 30)))
    assert both[15, 15]


def test_later_shapes_are_drawn_over_earlier_ones_unless_z_order_differs() -> None:
    ids = {"low": 3, "high": 7}
    low, high = (Shape(label, "here", [box(0, 0, 9, 9)]) for label in ids)
    assert rasterize([low, high], SIZE, ids, 255)[4, 4] == 7
    assert rasterize([high, low], SIZE, ids, 255)[4, 4] == 3
    assert rasterize([Shape("high", "here", high.polygons, z_order=1), low], SIZE, ids, 255)[4, 4] == 7
    assert rasterize([low, high], SIZE, ids, 255)[20, 20] == 255


def test_ellipse_is_filled_to_its_edge() -> None:
    x, y = centers()
    expected = ((x - 40) / 25) ** 2 + ((y - 30) / 12) ** 2 <= 1
    assert (drawn(ellipse(40, 30, 25, 12)) != expected).sum() <= 4
    assert polygon_area(ellipse(0, 0, 3000, 3000)) == pytest.approx(np.pi * 3000**2, rel=1e-4)


def test_rotation_is_clockwise_on_the_screen() -> None:
    np.testing.assert_allclose(rotate(np.array([[10.0, 0.0]]), 90, 0, 0), [[0, 10]], atol=1e-9)
    np.testing.assert_allclose(rotate(np.array([[10.0, 5.0]]), 180, 4, 5), [[-2, 5]], atol=1e-9)


def test_stroke_has_its_width_and_round_ends() -> None:
    line = drawn(*stroke(np.array([[20.0, 32.0], [70.0, 32.0]]), 10))
    x, y = centers()
    distance = np.hypot(x - np.clip(x, 20, 70), y - 32)
    assert (line != (distance <= 5)).sum() <= 4
    assert line[:, 40].sum() == 10


def test_excessively_long_outline_is_refused_before_memory_is_taken() -> None:
    zigzag = np.tile([[0.0, 0.0], [5.0, 4000.0]], (3000, 1))
    with pytest.raises(DataError, match=r"^a.json: shapes\[3\] has an outline that crosses 2\d{7} rows of pixels"):
        Shape("a", "a.json: shapes[3]", [zigzag]).draw(np.zeros((4000, 8), np.uint8), 1)


def test_bitmap_outside_the_photograph_is_cut_or_refused() -> None:
    class Block:
        def decode(self, size: tuple[int, int]) -> tuple[int, int, NDArray[np.bool_]]:
            return self.top, self.left, np.ones((4, 6), bool)

        def __init__(self, top: int, left: int) -> None:
            self.top, self.left = top, left

    for top, left, count in ((-1, -2, 12), (8, 9, 2), (11, 0, 0), (0, 10, 0), (-9, 0, 0), (0, 0, 24)):
        out = np.zeros((10, 10), np.uint8)
        Shape("a", "here", bitmap=Block(top, left)).draw(out, 1)
        assert out.sum() == count, (top, left)
    runs = RunLengths(np.array([0, 24]), (4, 6), top=8, left=0)
    with pytest.raises(DataError, match="here is a mask of 6 x 4 pixels at column 0, row 8, which does not fit into"):
        Shape("a", "here", bitmap=runs).draw(np.zeros((10, 10), np.uint8), 1)
