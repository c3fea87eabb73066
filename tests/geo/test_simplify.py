"""Simplified borders leave no gap and no overlap."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.geo import trace as module
from segdrone.geo.areas import PixelAreas
from segdrone.geo.simplify import kept_points, tolerance_in_pixels
from tests.geo.test_trace import MASKS, traced
from tests.helpers.label_maps import place, smooth_labels

SMOOTH = st.tuples(st.integers(0, 99), st.integers(8, 40), st.integers(8, 40)).map(
    lambda drawn: smooth_labels(drawn[0], drawn[1:])
)


@settings(max_examples=50, deadline=None)
@given(
    mask=st.one_of(MASKS, SMOOTH),
    rows=st.integers(2, 12),
    turns=st.sampled_from([20, 10**6]),
    tolerance=st.sampled_from([0.5, 1.0, 3.0, 10.0]),
)
def test_polygons_cover_the_raster_once(mask: NDArray[np.uint8], rows: int, turns: int, tolerance: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_PIXELS", rows * mask.shape[1])
        patch.setattr(module, "_BLOCK_TURNS", turns)
        found = traced(mask, None, [5], ignore_index=254, tolerance=tolerance)  # what is no data counts too
        exact = traced(mask, None, [7], ignore_index=254)
    polygons = found.to_shapely()
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    assert shapely.area(polygons).sum() == mask.size
    assert shapely.union_all(polygons).equals(shapely.box(0, 0, *mask.shape[::-1]))
    assert (np.array_equal(found.pixels, exact.pixels), np.array_equal(found.order, exact.order)) == (True, True)
    assert len(found.points) <= sum(map(shapely.get_num_coordinates, shapely.segmentize(exact.to_shapely(), 1.0)))


def test_the_edge_to_no_data_is_simplified_like_a_border() -> None:
    mask = np.tri(40, 40, dtype=np.uint8)
    mask[mask == 0] = 255
    assert len(traced(mask, None, [40], tolerance=2.0).points) < 10 < len(traced(mask, None, [40]).points)


def test_stairs_become_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.tri(64, 64, dtype=np.uint8)
    whole = traced(mask, None, [64], tolerance=2.0)
    assert len(whole.points) < 12
    monkeypatch.setattr(module, "_BLOCK_PIXELS", 64 * 16)
    assert len(traced(mask, None, [64], tolerance=2.0).points) < 30  # and a corner where rows were traced together


def test_the_result_does_not_depend_on_the_strips() -> None:
    mask = smooth_labels(3, (50, 30))
    one, other = (traced(mask, None, heights, tolerance=3.0) for heights in ([50], [7, 2]))
    assert np.array_equal(one.points, other.points)


def test_the_tolerance_is_the_root_of_an_area() -> None:
    """A step of one pixel in a straight border: the triangles at it have half a pixel."""
    mask = np.zeros((6, 8), np.uint8)
    mask[3:] = 1
    mask[2, 4:] = 1
    assert kept_points(mask, 0.70)[2:4, 4].tolist() != [False, False]
    assert kept_points(mask, 2.5)[2:4, 4].tolist() == [False, False]


def test_meters_become_pixels() -> None:
    areas = PixelAreas(place("EPSG:32633", (0.05, 0.0, 5e5, 0.0, -0.05, 5.2e6)), (10, 10))
    assert tolerance_in_pixels(0.2, areas) == pytest.approx(4, rel=1e-3)
    with pytest.raises(DataError, match="no coordinate system"):
        tolerance_in_pixels(0.2, None)
    with pytest.raises(DataError, match="above 0, not by -1"):
        tolerance_in_pixels(-1, areas)
