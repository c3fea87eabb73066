"""Trace the regions of a mask of any size as polygons, strip by strip."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.geo.areas import PixelAreas
from segdrone.geo.finished import (
    NodeSums,
    finished_polygons,
    nodes_left_of_holes,
    owners_of_holes,
    points_of,
    ring_points,
    simple_rings,
)
from segdrone.geo.open_regions import OpenLine, OpenRegion, canonical, signed_area, split_ring, to_batch
from segdrone.geo.outlines import OUTSIDE, OpenSides, Outlines, find_turns, open_sides, trace_outlines
from segdrone.geo.polygon_batch import PolygonBatch, concatenate
from segdrone.geo.simplify import kept_points
from segdrone.windows import Size

_BLOCK_PIXELS = 1 << 23  # pixels of the rows that are traced at once: 0.25 GB of memory
_BLOCK_TURNS = 1 << 19  # corners of them: 0.25 GB
_COLUMNS = 0xFFFFFFFF  # bits of a column
_ROWS = 256  # of the confidence that are summed at once


class RegionTracer:
    """Traces regions while strips of a mask arrive, and returns each as soon as its last row is known.

    A region is the pixels of one class that are connected over their sides. Its polygon runs along the edges of pixels
    and is the one that `inference.polygons.trace_polygons` finds in the whole mask: nothing is divided where strips
    meet. Memory holds some rows, and the borders of the regions that go on below them. The result does not depend on
    the heights of the strips: regions come in the order of their lowest row, then of its leftmost column.

    Args:
        size: Height and width of the mask.
        areas: True areas of the pixels, if they are known.
        ignore_index: The id of pixels that belong to no region.
        tolerance: Simplify the borders by as much, in pixels, as `simplify.kept_points` says; None: not.

    Example:
        >>> tracer = RegionTracer((2, 2))
        >>> [len(tracer.add(strip)) for strip in np.array([[[3, 3]], [[3, 7]]], np.uint8)]
        [0, 2]
    """

    def __init__(
        self, size: Size, areas: PixelAreas | None = None, ignore_index: int = 255, tolerance: float | None = None
    ) -> None:
        self._size, self._areas, self._ignore_index, self._tolerance = size, areas, ignore_index, tolerance
        self._mean = math.nan if areas is None else areas.mean
        self._block_rows = max(1, _BLOCK_PIXELS // size[1])
        self._waiting: list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]] = []
        self._top = 0  # first row that is not traced yet
        self._last_row = np.full(size[1] + 2, OUTSIDE, np.int16)
        self._sides = OpenSides(np.empty(0, np.int64), np.empty(0, np.int64))
        self._lines: dict[int, OpenLine] = {}  # by the column at which they come up
        self._confidence_above = np.zeros(size[1] + 1)

    def add(self, mask: NDArray[np.uint8], confidence: NDArray[np.uint8] | None = None) -> PolygonBatch:
        """Takes the next rows, and returns the regions that are finished.

        Args:
            mask: Class ids, uint8 `[h, W]`.
            confidence: uint8 `[h, W]`, 0 to 255 for 0 to 1, if known: for all strips, or for none.

        Raises:
            ValueError: The strip has another width, or rows beyond the last one.
        """
        waiting = sum(len(rows) for rows, _ in self._waiting)
        if mask.shape[1] != self._size[1] or self._top + waiting + len(mask) > self._size[0]:
            raise ValueError(
                f"a strip of {mask.shape} does not continue a mask of {self._size} at row {self._top + waiting}"
            )
        batches = [to_batch([], self._mean)]
        while len(mask):
            count = self._block_rows - waiting
            part = mask[:count].copy(), None if confidence is None else confidence[:count].copy()
            self._waiting.append(part)  # copies: the caller may use its arrays again
            mask, confidence = mask[count:], None if confidence is None else confidence[count:]
            waiting = sum(len(rows) for rows, _ in self._waiting)
            if waiting == self._block_rows or self._top + waiting == self._size[0]:
                batches += self._trace_waiting()
                waiting = 0
        return concatenate(batches)

    def _trace_waiting(self) -> list[PolygonBatch]:
        masks, confidences = zip(*self._waiting, strict=True)
        self._waiting = []
        return self._trace(np.concatenate(masks), None if confidences[0] is None else np.concatenate(confidences))

    def _trace(self, mask: NDArray[np.uint8], confidence: NDArray[np.uint8] | None) -> list[PolygonBatch]:
        """Traces rows, in halves if they have too many corners."""
        height, width = mask.shape
        is_last = self._top + height == self._size[0]
        padded = np.full((height + 1 + is_last, width + 2), OUTSIDE, np.int16)
        padded[0], padded[1 : height + 1, 1:-1] = self._last_row, mask
        turns = find_turns(padded, self._tolerance is not None)
        if height > 1 and np.count_nonzero(turns) > _BLOCK_TURNS:
            del padded, turns
            half = height // 2
            first = self._trace(mask[:half], None if confidence is None else confidence[:half])
            return first + self._trace(mask[half:], None if confidence is None else confidence[half:])
        sides = open_sides(padded[-1], self._ignore_index)
        above = [self._lines[column] for column in self._sides.up.tolist()]
        links = np.searchsorted(self._sides.down, [line.end for line in above]).astype(np.int64)
        with ThreadPoolExecutor(1) as thread:  # GEOS simplifies while the outlines are followed
            kept = None if self._tolerance is None else thread.submit(kept_points, mask, self._tolerance)
            outlines = trace_outlines(
                padded, turns, self._top, self._ignore_index, self._sides, sides, links, kept is not None
            )
            sums = self._sums(outlines, confidence)
            del turns
        keep = None
        if kept is not None:
            corners = slice(outlines.corners.start, outlines.corners.stop)
            keep = np.ones(len(outlines.x), bool)
            keep[corners] = kept.result()[outlines.y[corners] - self._top, outlines.x[corners]]
        finished = _Block(self._top, padded, outlines, sums, keep, sides, above)
        self._lines, self._sides, self._last_row = finished.lines, sides, padded[-1].copy()
        self._top += height
        done = to_batch([region.root for region in finished.done], self._mean)
        batch = concatenate([finished.polygons(self._mean), done])
        batch = replace(batch, order=batch.order ^ _COLUMNS)
        batch = batch.take(np.argsort(batch.order))
        mean = batch.confidence / batch.pixels / 255 if confidence is not None else np.full(len(batch), np.nan)
        return [replace(batch, confidence=mean)]

    def _sums(self, outlines: Outlines, confidence: NDArray[np.uint8] | None) -> NodeSums:
        corners = slice(outlines.corners.start, outlines.corners.stop)
        x, y, sign = outlines.x[corners], outlines.y[corners], outlines.sign[corners]
        pixels, confidences, excess, order = (
            np.zeros(len(outlines.x), kind) for kind in (np.int64, np.int64, float, np.int64)
        )
        pixels[corners] = sign * x * y
        if confidence is not None:
            confidences[corners] = sign * self._confidence_at(confidence, x, y - self._top)
        if self._areas is not None:
            excess[corners] = sign * self._areas.excess(x, y)
        order[:] = -1
        order[corners] = (y << 32 | x) ^ _COLUMNS  # the maximum is that of the lowest row, then the leftmost column
        return NodeSums(pixels, confidences, excess, order)

    def _confidence_at(
        self, confidence: NDArray[np.uint8], x: NDArray[np.int64], line: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Returns the sum of the confidence above and left of corners in the order of their lines, int64 `[N]`."""
        totals, above = np.empty(len(x), np.int64), self._confidence_above
        for top in range(0, len(confidence), _ROWS):
            block = cv2.integral(confidence[top : top + _ROWS], sdepth=cv2.CV_64F) + above
            first, last = np.searchsorted(line, [top, top + len(block)])
            totals[first:last] = block[line[first:last] - top, x[first:last]]
            above = block[-1]
        self._confidence_above = above
        return totals


class _Block:
    """What the borders in some rows finish, and what they leave open.

    Attributes:
        lines: Those that go on below, by the column at which they come up.
        done: Regions from above that are finished.
    """

    def __init__(
        self,
        top: int,
        padded: NDArray[np.int16],
        outlines: Outlines,
        sums: NodeSums,
        keep: NDArray[np.bool_] | None,
        sides: OpenSides,
        above: list[OpenLine],
    ) -> None:
        self._outlines, self._keep, self._above = outlines, keep, above
        self._starts = np.append(outlines.starts, len(outlines.path))
        self._sums = sums.along(outlines.path, outlines.starts)
        self.lines: dict[int, OpenLine] = {}
        self.done: list[OpenRegion] = []
        regions = self._continue_lines()
        by_end = {line.end: line for line in self.lines.values()}
        for left, right in zip(sides.up.tolist(), sides.down.tolist(), strict=True):  # a run of the last row
            self.lines[left].region.unite(by_end[right].region)
        is_closed = np.ones(len(outlines.starts), bool)
        is_closed[[*regions]] = False
        self._rings = simple_rings(outlines, np.flatnonzero(is_closed), sums)
        self._owner = self._attach_holes(padded, top, regions)

    def polygons(self, mean: float) -> PolygonBatch:
        """Returns the regions that begin and end in the rows."""
        batch = finished_polygons(self._outlines, self._rings, self._owner, self._keep)
        return replace(batch, square_meters=batch.square_meters + batch.pixels * mean)

    def _points(self, nodes: NDArray[np.int64]) -> NDArray[np.int32]:
        corners = self._outlines.corners
        is_point = (nodes >= corners.start) & (nodes < corners.stop)
        if self._keep is not None:
            is_point &= self._keep[nodes]
        return points_of(self._outlines, nodes[is_point])

    def _continue_lines(self) -> dict[int, OpenRegion]:
        """Returns the regions of paths that are open above or below."""
        outlines = self._outlines
        comes_from_above = (
            np.add.reduceat(outlines.path < outlines.corners.start, outlines.starts) > 0
            if len(outlines.starts)
            else np.empty(0, bool)
        )
        comes_from_above[: outlines.number_open] = True
        regions: dict[int, OpenRegion] = {}
        for path in np.flatnonzero(comes_from_above).tolist():
            nodes = outlines.path[self._starts[path] : self._starts[path + 1]]
            region, parts = self._join(nodes)
            region.add(*(column[path].item() for column in self._sums))
            regions[path] = region
            if path < outlines.number_open:
                self.lines[int(outlines.x[nodes[0]])] = OpenLine(region, parts, int(outlines.x[nodes[-1]]))
            else:
                for ring in split_ring(np.concatenate(parts)):
                    if signed_area(ring) < 0:
                        region.holes.append((canonical(ring), np.array([0, len(ring)])))
                    else:
                        region.exterior = ring
                        self.done.append(region)
        return regions

    def _join(self, nodes: NDArray[np.int64]) -> tuple[OpenRegion, list[NDArray[np.int32]]]:
        """Returns the region and the corners of a path, with those of the lines from above."""
        number_down, first_corner = len(self._above), self._outlines.corners.start
        joints = np.flatnonzero((nodes >= number_down) & (nodes < first_corner))
        lines = [self._above[nodes[joint] - number_down] for joint in joints.tolist()]
        if not lines:
            return OpenRegion(int(self._outlines.class_id[nodes[1]])), [self._points(nodes)]
        region = lines[0].region.root
        bounds = [0, *joints.tolist(), len(nodes)]
        parts = [self._points(nodes[: bounds[1]])]
        for line, begin, end in zip(lines, bounds[1:], bounds[2:], strict=False):
            region = region.unite(line.region)
            parts += [*line.parts, self._points(nodes[begin:end])]
        return region, [part for part in parts if len(part)]

    def _attach_holes(self, padded: NDArray[np.int16], top: int, regions: dict[int, OpenRegion]) -> NDArray[np.int64]:
        """Gives holes to the regions of open lines, and returns the exterior of each other ring, negative for those."""
        rings, outlines = self._rings, self._outlines
        holes = np.flatnonzero(rings.sums.pixels < 0)
        others = nodes_left_of_holes(padded, outlines, top, rings.nodes[rings.starts[holes]])
        around = np.empty(len(outlines.x), np.int64)
        around[outlines.path] = -1 - np.repeat(np.arange(len(outlines.starts)), np.diff(self._starts))
        around[rings.nodes] = np.repeat(np.arange(len(rings.starts) - 1), np.diff(rings.starts))
        owner = owners_of_holes(holes, around[others], len(rings.starts) - 1)
        open_holes = holes[owner[holes] < 0]
        by_region: dict[OpenRegion, list[int]] = {}
        for hole, path in zip(open_holes.tolist(), (-1 - owner[open_holes]).tolist(), strict=True):
            by_region.setdefault(regions[path].root, []).append(hole)
        for region, chosen in by_region.items():
            own = np.array(chosen)
            region.holes.append(ring_points(outlines, rings, own, self._keep))
            pixels, confidence, excess, order = (column[own] for column in rings.sums)
            region.add(int(pixels.sum()), int(confidence.sum()), float(excess.sum()), int(order.max()))
        return owner
