"""Put together the regions that some rows of a mask hold completely."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.geo.open_regions import split_path
from segdrone.geo.outlines import Outlines
from segdrone.geo.polygon_batch import PolygonBatch, ranges

Integers = NDArray[np.int64]


class NodeSums(NamedTuple):
    """What the pixels above and left of each node sum up to, with the sign of the node.

    Attributes:
        pixels: Their number, int64 `[N]`.
        confidence: Sum of 0 to 255, int64 `[N]`.
        excess: Square meters beyond the mean of the raster's pixels, float64 `[N]`.
        order: Row and column in one number, larger for lower rows, then for columns further left, int64 `[N]`, or -1
            for a node that is no corner.
    """

    pixels: Integers
    confidence: Integers
    excess: NDArray[np.float64]
    order: Integers

    def along(self, path: Integers, starts: Integers) -> NodeSums:
        """Returns the sums along each of some paths."""
        if not len(starts):
            return NodeSums(self.pixels[:0], self.confidence[:0], self.excess[:0], self.order[:0])
        return NodeSums(
            np.add.reduceat(self.pixels[path], starts),
            np.add.reduceat(self.confidence[path], starts),
            np.add.reduceat(self.excess[path], starts),
            np.maximum.reduceat(self.order[path], starts),
        )


class Rings(NamedTuple):
    """Rings that touch themselves nowhere.

    Attributes:
        nodes: Nodes of the rings, each from its highest, then leftmost corner on, int64 `[N]`.
        starts: Where each begins in `nodes`, and the end, int64 `[R + 1]`.
        sums: What each encloses: negative for holes.
    """

    nodes: Integers
    starts: Integers
    sums: NodeSums


def simple_rings(outlines: Outlines, chosen: Integers, sums: NodeSums) -> Rings:
    """Returns closed paths as rings, divided where they come back to a point.

    Args:
        outlines: The borders.
        chosen: Indices of the paths, int64.
        sums: Those of the nodes.
    """
    index, starts = ranges(np.append(outlines.starts, len(outlines.path)), chosen)
    nodes = outlines.path[index]
    ring_of = np.full(len(outlines.x), -1, np.int64)
    ring_of[nodes] = np.repeat(np.arange(len(chosen)), np.diff(starts))
    twins = nodes[outlines.twin[nodes] >= 0]
    touches = np.zeros(len(chosen), bool)
    touches[ring_of[twins[ring_of[outlines.twin[twins]] == ring_of[twins]]]] = True
    if touches.any():
        names = np.where(outlines.twin >= 0, np.minimum(outlines.twin, np.arange(len(ring_of))), -1)
        parts: list[Integers] = []
        lengths: list[int] = []
        for ring in np.flatnonzero(touches).tolist():
            own = nodes[starts[ring] : starts[ring + 1]]
            points = names[own]
            paths = split_path(np.flatnonzero(points >= 0).tolist(), points.tolist(), len(own))
            parts.append(own[list(chain.from_iterable(paths))])
            lengths += map(len, paths)
        divided = _from_first(np.concatenate(parts), np.cumsum([0, *lengths]))
        index, starts = ranges(starts, np.flatnonzero(~touches))
        starts = np.concatenate([starts, starts[-1] + np.cumsum(lengths)])
        nodes = np.concatenate([nodes[index], divided])
    return Rings(nodes, starts, sums.along(nodes, starts[:-1]))


def _from_first(nodes: Integers, starts: Integers) -> Integers:
    """Turns rings so that each begins at its first node."""
    begins, lengths = (np.repeat(column, np.diff(starts)) for column in (starts[:-1], np.diff(starts)))
    firsts = np.flatnonzero(nodes == np.repeat(np.minimum.reduceat(nodes, starts[:-1]), np.diff(starts)))
    shift = np.repeat(firsts, np.diff(starts)) - begins
    return np.asarray(nodes[begins + (np.arange(len(nodes)) - begins + shift) % lengths])


def owners_of_holes(holes: Integers, around: Integers, count: int) -> Integers:
    """Follows holes from ring to ring to the exterior or the open path of their region.

    Args:
        holes: Indices of the holes.
        around: Another ring of each one's region, or `-1 - path` for a path that is no ring.
        count: Number of rings.

    Returns:
        Exterior of each ring, itself for an exterior, or `-1 - path`, int64 `[count]`.
    """
    owner = np.arange(count)
    owner[holes] = around
    is_hole = np.zeros(count, bool)
    is_hole[holes] = True
    while len(holes):
        holes = holes[owner[holes] >= 0]
        holes = holes[is_hole[owner[holes]]]
        owner[holes] = owner[owner[holes]]
    return owner


def nodes_left_of_holes(padded: NDArray[np.int16], outlines: Outlines, top: int, corners: Integers) -> Integers:
    """Returns a node on another border of the region around each hole.

    Left of the first corner of a hole lies its region. Along the row, that ends at a side that runs up, of its outer
    ring or of another hole, which began before.

    Args:
        padded: The rows, as for `trace_outlines`.
        outlines: Their borders.
        top: Row of the raster of the first line.
        corners: First nodes of the holes.
    """
    is_side = padded[:, :-1] != padded[:, 1:]
    width = is_side.shape[1]
    buffer = is_side.tobytes()
    x, line = outlines.x[corners], outlines.y[corners] - top
    begins = ((line + 1) * width).tolist()
    columns = np.array(
        [buffer.rfind(1, begin, begin + column) - begin for begin, column in zip(begins, x.tolist(), strict=True)],
        np.int64,
    )
    rows = len(padded) + 1
    code = outlines.x[outlines.upward] * rows + outlines.y[outlines.upward] - top
    return np.asarray(outlines.upward[np.searchsorted(code, columns * rows + line + 1)])


def finished_polygons(
    outlines: Outlines, rings: Rings, owner: Integers, keep: NDArray[np.bool_] | None
) -> PolygonBatch:
    """Returns regions as polygons, the confidence as a sum, and the square meters beyond the mean of the pixels.

    Args:
        outlines: The borders.
        rings: Their rings.
        owner: Exterior of each ring, itself for an exterior, negative for a ring to leave out, int64 `[R]`.
        keep: Nodes that become corners of polygons, bool `[N]`; None: all.
    """
    used = np.flatnonzero(owner >= 0)
    order = used[np.lexsort((rings.nodes[rings.starts[used]], rings.sums.pixels[used] < 0, owner[used]))]
    exteriors, first = np.unique(owner[order], return_index=True)
    points, ring_starts = ring_points(outlines, rings, order, keep)
    sums = rings.sums.along(order, first)
    return PolygonBatch(
        points,
        ring_starts,
        np.append(first, len(order)),
        outlines.class_id[rings.nodes[rings.starts[exteriors]]],
        sums.pixels,
        sums.excess,
        sums.confidence.astype(np.float64),
        rings.sums.order[exteriors],
    )


def ring_points(
    outlines: Outlines, rings: Rings, chosen: Integers, keep: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int32], Integers]:
    """Returns the kept corners of chosen rings, int32 `[N, 2]`, and where each begins, and the end."""
    index, starts = ranges(rings.starts, chosen)
    nodes = rings.nodes[index]
    if keep is not None:
        is_kept = keep[nodes]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(is_kept)])[starts]
        nodes = nodes[is_kept]
    return points_of(outlines, nodes), starts


def points_of(outlines: Outlines, nodes: Integers) -> NDArray[np.int32]:
    """Returns column and row of nodes, int32 `[N, 2]`."""
    return np.stack([outlines.x[nodes], outlines.y[nodes]], axis=1).astype(np.int32)
