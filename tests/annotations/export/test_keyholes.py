from __future__ import annotations

import numpy as np

from segdrone.annotations.export.keyholes import cut_holes
from segdrone.annotations.outlines import fill_outlines
from segdrone.geo.trace import RegionTracer


def test_a_hole_is_cut_open_at_its_highest_corner() -> None:
    mask = np.zeros((5, 5), np.uint8)
    mask[2, 2] = 1
    ring, hole = cut_holes(RegionTracer((5, 5)).add(mask))[::-1]
    assert len(hole) == 4
    points = [(int(x), int(y)) for x, y in ring]
    assert points.count((2, 0)) == 2 and points.count((2, 2)) == 2  # the bridge, there and back
    assert set(points) == {(0, 0), (5, 0), (5, 5), (0, 5), (2, 0), (2, 2), (3, 2), (3, 3), (2, 3)}


def test_holes_below_holes_and_in_corners_are_cut_open() -> None:
    mask = np.zeros((12, 12), np.uint8)
    mask[2:4, 2:4] = mask[4:6, 4:6] = mask[7:9, 3:8] = 1
    mask[3, 8] = mask[4, 9] = 2
    mask[0, 5] = 1
    canvas, covers = np.full(mask.shape, 9, np.uint8), np.zeros(mask.shape, np.uint8)
    batch = RegionTracer((12, 12)).add(mask)
    for outline, class_id in zip(cut_holes(batch), batch.class_id.tolist(), strict=True):
        fill_outlines(canvas, [outline], class_id)
        inside = np.zeros(mask.shape, np.uint8)
        fill_outlines(inside, [outline], 1)
        covers += inside
    np.testing.assert_array_equal(canvas, mask)
    assert (covers == 1).all()


def test_a_bridge_to_a_slanted_edge_gives_the_neighbor_the_same_corner() -> None:
    from segdrone.geo.polygon_batch import PolygonBatch

    below = [(0, 0), (8, 4), (8, 10), (0, 10)]  # its upper edge is slanted
    hole, above = [(3, 6), (3, 8), (6, 8), (6, 6)], [(0, 0), (8, 0), (8, 4)]
    points = np.array([*below, *hole, *above], np.int32)
    none, nan = np.zeros(2, np.int64), np.full(2, np.nan)
    starts, polygons = np.array([0, 4, 8, 11]), np.array([0, 2, 3])
    first, second = cut_holes(PolygonBatch(points, starts, polygons, none, none, nan, nan, none))
    assert [3.0, 1.5] in first.tolist() and [3.0, 1.5] in second.tolist()
    assert len(second) == 4
