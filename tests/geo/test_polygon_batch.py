"""Polygons in arrays."""

from __future__ import annotations

import numpy as np
import shapely

from segdrone.geo.polygon_batch import concatenate
from segdrone.geo.trace import RegionTracer
from tests.helpers.label_maps import smooth_labels

MASK = np.array([[1, 1, 1, 2], [1, 0, 1, 2], [1, 1, 1, 2]], np.uint8)


def test_shapely_polygons_have_holes() -> None:
    batch = RegionTracer(MASK.shape).add(MASK)
    polygons = batch.to_shapely()
    assert [polygon.area for polygon in polygons] == batch.pixels.tolist() == [1, 8, 3]
    assert [len(polygon.interiors) for polygon in polygons] == [0, 1, 0]
    moved = batch.to_shapely(batch.points.astype(np.float64) * 2)
    assert moved[1].area == 32


def test_polygons_are_chosen_and_joined() -> None:
    batch = RegionTracer(MASK.shape).add(MASK)
    turned = concatenate([batch.take(np.array([2])), batch.take(np.array([1, 0])), batch.take(np.empty(0, np.int64))])
    assert turned.class_id.tolist() == [2, 1, 0]
    assert [*turned.to_shapely()] == [*batch.to_shapely()[::-1]]


def test_closed_rings_of_a_larger_batch() -> None:
    mask = smooth_labels(1, (40, 50))
    batch = RegionTracer(mask.shape).add(mask)
    index, starts = batch.closing
    assert np.array_equal(index[starts[:-1]], index[starts[1:] - 1])
    assert shapely.is_valid(batch.to_shapely()).all()
