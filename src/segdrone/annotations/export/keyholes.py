"""Cut the holes of polygons open, for the formats of labeling tools, none of which has holes.

A bridge leads from the highest corner of each hole straight up to the next outline of its region, and back the same
way, so that one outline goes around everything (a keyhole). It encloses the same pixels by the even-odd and by the
nonzero rule: the bridge encloses none. Where a bridge ends within a slanted edge, the neighbor at that edge gets the
same corner, so that both stay exactly alike.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.outlines import Points
from segdrone.geo.polygon_batch import Integers, PolygonBatch


class _Joint(NamedTuple):
    """A point on an edge: where it is on the edge, 0 to 1, x and y, and the hole whose bridge ends there, or -1."""

    edge: int
    share: float
    x: float
    y: float
    hole: int


def cut_holes(batch: PolygonBatch) -> list[Points]:
    """Returns the outline of each polygon, float64 `[N, 2]`, without the first point at the end."""
    points, starts = batch.points.astype(np.float64), batch.ring_starts
    joints: dict[int, list[_Joint]] = defaultdict(list)  # by ring
    ring_of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    following = np.arange(1, len(points) + 1)
    following[starts[1:] - 1] = starts[:-1]
    tops: dict[int, int] = {}
    cut: list[_Joint] = []
    for first, last in zip(batch.polygon_starts[:-1].tolist(), batch.polygon_starts[1:].tolist(), strict=True):
        if last - first > 1:
            edges = _Edges(points, following, ring_of, int(starts[first]), int(starts[last]))
            for hole in range(first + 1, last):
                own = points[starts[hole] : starts[hole + 1]]
                tops[hole] = top = int(starts[hole]) + int(np.lexsort((own[:, 0], own[:, 1]))[0])
                joint = edges.above(top, hole) or _Joint(int(starts[first]), 0.0, *_xy(points, starts[first]), hole)
                joints[int(ring_of[joint.edge])].append(joint)
                if 0 < joint.share < 1 and points[joint.edge, 1] != points[following[joint.edge], 1]:
                    cut.append(joint)
    for joint in _at_neighbors(batch.points, following, cut):
        joints[int(ring_of[joint.edge])].append(joint)
    rings: dict[int, Points] = {}
    outlines = []
    for first, last in zip(batch.polygon_starts[:-1].tolist(), batch.polygon_starts[1:].tolist(), strict=True):
        # A bridge goes up to a ring with a higher top, so that what ends at a hole is there before it.
        for ring in [*sorted(range(first + 1, last), key=lambda hole: -points[tops[hole], 1]), first]:
            start, stop = int(starts[ring]), int(starts[ring + 1])
            if ring == first and not joints.get(ring):
                rings[ring] = points[start:stop]
            else:
                rings[ring] = _build(points[start:stop], start, tops.get(ring, start), joints.get(ring, ()), rings)
        outlines.append(rings[first])
    return outlines


class _Edges:
    """The edges of the rings of a polygon that are not upright, sorted so that those at a column are found fast."""

    def __init__(self, points: Points, following: Integers, ring_of: Integers, start: int, stop: int) -> None:
        edges = np.arange(start, stop)
        x, other = points[edges, 0], points[following[edges], 0]
        edges = edges[x != other]
        left, right = np.minimum(x, other)[x != other], np.maximum(x, other)[x != other]
        order = np.argsort(left, kind="stable")
        edges, left, width = edges[order], left[order], (right - left)[order]
        kind = np.log2(width).astype(np.int64)
        self._groups = [(edges[kind == k], left[kind == k], 2.0 ** (k + 1)) for k in np.unique(kind).tolist()]
        self._points, self._following, self._ring_of = points, following, ring_of

    def above(self, top: int, hole: int) -> _Joint | None:
        """Returns where a line up from a corner of a hole meets another ring; None if nothing is above."""
        x, y = self._points[top].tolist()
        found = []
        for edges, left, width in self._groups:
            first, last = np.searchsorted(left, x - width), np.searchsorted(left, x, side="right")
            found.append(edges[first:last])
        edges = np.concatenate(found)
        (x1, y1), (x2, y2) = self._points[edges].T, self._points[self._following[edges]].T
        share = (x - x1) / (x2 - x1)
        height = np.where(share == 1, y2, y1 + share * (y2 - y1))
        meets = (np.minimum(x1, x2) <= x) & (x < np.maximum(x1, x2)) & (self._ring_of[edges] != hole)
        meets &= (height < y) | ((height == y) & (np.minimum(y1, y2) < y))
        if not meets.any():
            return None
        best = int(np.argmax(np.where(meets, height, -np.inf)))
        return _Joint(int(edges[best]), float(share[best]), x, float(height[best]), hole)


def _at_neighbors(points: NDArray[np.int32], following: Integers, joints: list[_Joint]) -> list[_Joint]:
    """Returns joints, without a bridge, on the same edges of the neighbors, which run the other way."""
    if not joints:
        return []
    columns, rows = points.T.astype(np.int64)
    corner = rows * (int(columns.max()) + 1) + columns
    count = int(corner.max()) + 1
    forward, backward = corner * count + corner[following], corner[following] * count + corner
    edges = np.array([joint.edge for joint in joints])
    others = np.flatnonzero(np.isin(backward, forward[edges]))
    by_code = dict(zip(backward[others].tolist(), others.tolist(), strict=True))
    twins = (by_code.get(int(forward[joint.edge])) for joint in joints)
    return [
        _Joint(twin, 1 - joint.share, joint.x, joint.y, -1)
        for joint, twin in zip(joints, twins, strict=True)
        if twin is not None
    ]


def _build(ring: Points, start: int, first: int, joints: list[_Joint] | tuple[()], holes: dict[int, Points]) -> Points:
    """Returns a ring with the bridges to its holes; from corner `first`, which is also at the end if it is a hole."""
    count, shift = len(ring), first - start
    pieces, done = [], 0
    turned = np.roll(ring, -shift, 0)
    for joint in sorted(joints, key=lambda joint: ((joint.edge - first) % count, joint.share)):
        edge, point = (joint.edge - first) % count, np.array([[joint.x, joint.y]])
        pieces += [turned[done : edge + 1], point]
        done = max(done, edge + 1)
        if joint.hole >= 0:
            hole = holes[joint.hole]
            pieces += [hole, hole[:1], point]
    outline = np.concatenate([*pieces, turned[done:]])
    differs = (outline != np.roll(outline, 1, 0)).any(1)
    return np.asarray(outline[differs], np.float64)


def _xy(points: Points, index: int) -> tuple[float, float]:
    return float(points[index, 0]), float(points[index, 1])
