"""Regions that a scan from top to bottom has not finished."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segdrone.geo.polygon_batch import PolygonBatch

Points = NDArray[np.int32]


class OpenRegion:
    """A region with rings that are finished, and sums over its pixels as far as its borders are known.

    Attributes:
        class_id: Its class.
        exterior: Its outer ring, int32 `[N, 2]`, or None while it is open.
        holes: Finished inner rings: corners, int32 `[N, 2]`, and where each ring begins, and the end.
        pixels: Their signed number along the known borders.
        confidence: Sum of 0 to 255.
        excess: Square meters beyond the mean of the raster's pixels.
        order: Maximum of `NodeSums.order`.
    """

    __slots__ = ("_parent", "class_id", "confidence", "excess", "exterior", "holes", "order", "pixels")

    def __init__(self, class_id: int) -> None:
        self._parent: OpenRegion | None = None
        self.class_id = class_id
        self.exterior: Points | None = None
        self.holes: list[tuple[Points, NDArray[np.int64]]] = []
        self.pixels = self.confidence = 0
        self.excess = 0.0
        self.order = -1

    @property
    def root(self) -> OpenRegion:
        """The region that this one has become a part of, or itself."""
        region = self
        while (parent := region._parent) is not None:
            if (above := parent._parent) is not None:
                region._parent = above
            region = parent
        return region

    def add(self, pixels: int, confidence: int, excess: float, order: int) -> None:
        """Adds the sums along a part of its border."""
        self.pixels += pixels
        self.confidence += confidence
        self.excess += excess
        self.order = max(self.order, order)

    def unite(self, other: OpenRegion) -> OpenRegion:
        """Unites two regions that turn out to be one, and returns it."""
        large, small = self.root, other.root
        if large is small:
            return large
        if len(large.holes) < len(small.holes):
            large, small = small, large
        small._parent = large
        large.holes += small.holes
        if small.exterior is not None:
            large.exterior = small.exterior
        large.add(small.pixels, small.confidence, small.excess, small.order)
        small.holes = []
        return large


class OpenLine:
    """A part of the border of a region, from where it comes up to where it goes down into rows that are not read yet.

    Attributes:
        region: The region.
        parts: Corners, int32 `[N, 2]` each, one after another.
        end: Column at which it goes down.
    """

    __slots__ = ("end", "parts", "region")

    def __init__(self, region: OpenRegion, parts: list[Points], end: int) -> None:
        self.region = region
        self.parts = parts
        self.end = end


def to_batch(regions: Iterable[OpenRegion], mean: float) -> PolygonBatch:
    """Returns finished regions as polygons, the confidence as a sum.

    Args:
        regions: The regions.
        mean: Square meters of a pixel, or NaN.
    """
    found = [region for region in regions if region.exterior is not None]
    parts, lengths, numbers = [np.empty((0, 2), np.int32)], [np.empty(0, np.int64)], []
    for region in found:
        outer = canonical(np.asarray(region.exterior))
        parts += [outer, *(points for points, _ in region.holes)]
        lengths += [np.array([len(outer)]), *(np.diff(starts) for _, starts in region.holes)]
        numbers.append(1 + sum(len(starts) - 1 for _, starts in region.holes))
    pixels = np.array([region.pixels for region in found], np.int64)
    return PolygonBatch(
        np.concatenate(parts),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(lengths))]),
        np.cumsum([0, *numbers]),
        np.array([region.class_id for region in found], np.int64),
        pixels,
        np.array([region.excess for region in found], np.float64) + pixels * mean,
        np.array([region.confidence for region in found], np.float64),
        np.array([region.order for region in found], np.int64),
    )


def signed_area(ring: Points) -> int:
    """Returns twice the area of a ring by the shoelace formula, positive for exteriors."""
    x, y = ring[:, 0].astype(np.int64), ring[:, 1].astype(np.int64)
    return int(x @ np.roll(y, -1) - np.roll(x, -1) @ y)


def canonical(ring: Points) -> Points:
    """Returns a ring that begins at its highest, then leftmost corner."""
    return np.roll(ring, -int(np.lexsort((ring[:, 0], ring[:, 1]))[0]), axis=0)


def split_ring(ring: Points) -> list[Points]:
    """Divides a ring where it comes back to a point, into rings that touch themselves nowhere."""
    codes = ring[:, 1].astype(np.int64) << 32 | ring[:, 0].astype(np.int64)
    unique, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if len(unique) == len(ring):
        return [ring]
    pieces = split_path(np.flatnonzero(counts[inverse] > 1).tolist(), inverse.tolist(), len(ring))
    return [ring[piece] for piece in pieces]


def split_path(repeated: list[int], points: list[int], length: int) -> list[list[int]]:
    """Divides a closed path where it comes back to a point.

    Args:
        repeated: Positions of points that it passes more than once, ascending.
        points: A name of the point at each position.
        length: Number of positions.

    Returns:
        The positions of each simple path.

    Example:
        >>> split_path([1, 3], [7, 5, 8, 5], 4)
        [[1, 2], [0, 3]]
    """
    paths: list[list[int]] = []
    stack: list[int] = []
    places: dict[int, int] = {}
    previous = 0
    for position in repeated:
        stack += range(previous, position)
        point = points[position]
        if point in places and places[point] < len(stack) and points[stack[places[point]]] == point:
            paths.append(stack[places[point] :])
            del stack[places[point] :]
        places[point] = len(stack)
        stack.append(position)
        previous = position + 1
    stack += range(previous, length)
    return [*paths, stack]
