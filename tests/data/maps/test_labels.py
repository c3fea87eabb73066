"""Polygons drawn in windows of a raster."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from segdrone.data.maps.labels import PolygonLabels, draw_all, fill_points
from segdrone.data.maps.places import box_outline
from segdrone.data.maps.polygons import Polygons
from segdrone.windows import Window


def labels(*drawn: tuple[BaseGeometry, str]) -> PolygonLabels:
    shapes = np.array([shape for shape, _ in drawn], object)
    polygons = Polygons(shapes, [value for _, value in drawn], shapely.area(shapes))
    return PolygonLabels(polygons, {"a": 1, "b": 2, "no": 254})


CORNER = st.tuples(st.floats(-5, 45), st.floats(-5, 35))


@settings(max_examples=30, deadline=None)
@given(
    triangles=st.lists(st.tuples(CORNER, CORNER, CORNER), min_size=1, max_size=5),
    top=st.integers(0, 20),
    left=st.integers(0, 30),
)
def test_a_pixel_belongs_to_the_smallest_polygon_around_its_center(
    triangles: list[tuple[tuple[float, float], ...]], top: int, left: int
) -> None:
    shapes = [shape for shape in map(shapely.Polygon, triangles) if shape.area > 1e-3]
    drawn = labels(*((shape, "ab"[i % 2]) for i, shape in enumerate(shapes)))
    window = Window(top, left, 10, 12)
    mask, several = drawn.draw(window)
    rows, columns = np.mgrid[top : top + 10, left : left + 12] + 0.5
    centers = shapely.points(columns, rows)
    near = np.zeros(mask.shape, bool)
    expected, count = np.full(mask.shape, 255, np.uint8), np.zeros(mask.shape, int)
    for _, i in sorted((-shape.area, i) for i, shape in enumerate(shapes)):  # of equal ones the later is on top
        inside = shapely.contains(shapes[i], centers)
        expected[inside] = i % 2 + 1
        count |= inside << (i % 2)
        near |= shapely.distance(shapely.boundary(shapes[i]), centers) < 1e-6
    np.testing.assert_array_equal(mask[~near], expected[~near])
    assert several.sum() <= (count == 3).sum() + near.sum()
    assert drawn.meets(window) or (mask == 255).all()


def test_a_ring_that_is_cut_to_a_line_is_drawn() -> None:
    """GEOS refuses to cut it."""
    thin = shapely.Polygon([(2.0, -1.0), (4.985344915848497e-291, 1.1125369292536007e-308), (-1.0, 2.0)])
    mask, _ = labels((thin, "a"), (shapely.box(3, 3, 5, 5), "b")).draw(Window(2, 2, 8, 8))
    assert (mask == 2).sum() == 4


def test_later_files_and_smaller_polygons_win() -> None:
    below = labels((shapely.box(0, 0, 10, 4), "a"), (shapely.box(2, 1, 6, 3), "b"), (shapely.box(8, 0, 9, 1), "no"))
    above = labels((shapely.box(5, 0, 7, 2), "a"), (shapely.box(0, 3, 2, 4), "no"))
    mask, several = draw_all([below, above], Window(0, 0, 4, 12))
    assert several.sum() == 4 * 2 + 1
    assert mask.tolist() == [
        [1, 1, 1, 1, 1, 1, 1, 1, 255, 1, 255, 255],
        [1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 255, 255],
        [1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 255, 255],
        [255, 255, 1, 1, 1, 1, 1, 1, 1, 1, 255, 255],
    ]


def test_holes_and_corners_are_kept() -> None:
    ring = shapely.Polygon(box_outline(1, 1, 9, 7), [box_outline(3, 3, 6, 5)])
    mask, several = labels((ring, "a")).draw(Window(0, 0, 8, 10))
    expected = np.full((8, 10), 255, np.uint8)
    expected[1:7, 1:9], expected[3:5, 3:6] = 1, 255
    np.testing.assert_array_equal(mask, expected)
    assert not several.any()
    assert fill_points(box_outline(0.4, 0, 2.4, 2.6), Window(0, 0, 4, 4)).sum() == 2 * 3
