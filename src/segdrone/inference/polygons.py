"""Trace the regions of a mask as polygons along the edges of its pixels, and write them as GeoJSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.windows import Size

MAX_CORNERS = 10_000_000
"""Corners of the polygons of one mask, at most: 2 GB of memory. Photographs have a tenth of it."""

_ROWS = 256  # of the confidence that are summed at once


class Polygon(NamedTuple):
    """A region: pixels of one class that are connected over their sides (4-connected).

    Rings run from corner to corner of pixels and close themselves: int32 `[N, 2]`, x to the right and y down from the
    upper left corner of the image, without the first corner at the end. The exterior has a positive area in these
    coordinates, holes a negative one, as RFC 7946 asks. No ring touches itself.

    Attributes:
        class_id: The class, as in the mask.
        exterior: The outer ring.
        holes: The inner rings.
        area: Number of pixels, without holes.
        confidence: Mean over its pixels, 0 to 1, or None.
    """

    class_id: int
    exterior: NDArray[np.int32]
    holes: list[NDArray[np.int32]]
    area: int
    confidence: float | None


class _Corners(NamedTuple):
    """Where the border of a region turns, in the order of rows, then columns.

    Attributes:
        x: Column of the corner, int64 `[N]`.
        y: Row of the corner, int64 `[N]`.
        next: Index of the next corner of the ring, clockwise on the screen, int64 `[N]`.
        class_id: Class of the region, uint8 `[N]`.
        top: Indices of the corners at which a top side begins, in order.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    next: NDArray[np.int64]
    class_id: NDArray[np.uint8]
    top: NDArray[np.int64]


def trace_polygons(
    mask: NDArray[np.uint8], confidence: NDArray[np.uint8] | None = None, ignore_index: int = 255
) -> list[Polygon]:
    """Returns the regions of a mask as polygons, in the order of their highest, then leftmost corner.

    Filled again, they give the mask: neighbors share their borders, and nothing is smoothed.

    Args:
        mask: Class ids, uint8 `[H, W]`.
        confidence: uint8 `[H, W]`, 0 to 255 for 0 to 1, if known.
        ignore_index: The id of pixels that belong to no region.

    Raises:
        DataError: The mask has more than `MAX_CORNERS` corners.

    Example:
        >>> first, second = trace_polygons(np.array([[3, 3], [3, 7]], np.uint8))
        >>> first.class_id, first.area, first.exterior.tolist()
        (3, 3, [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])
    """
    padded = np.pad(mask, 1, constant_values=ignore_index)
    corners = _find_corners(padded, ignore_index)
    order, starts = _follow(corners)
    if not len(starts):
        return []
    x, y = corners.x[order], corners.y[order]
    ends = np.append(starts[1:], len(order))
    following = np.arange(1, len(order) + 1)
    following[ends - 1] = starts
    areas = np.add.reduceat(x * y[following] - x[following] * y, starts) // 2
    exteriors = _exteriors(padded, corners, order, starts, areas)
    sums = None if confidence is None else _sums(confidence, x, y, following, starts)
    rings = np.split(np.stack([x, y], axis=1).astype(np.int32), starts[1:])
    holes: dict[int, list[int]] = {index: [] for index in np.flatnonzero(areas > 0).tolist()}
    for index in np.flatnonzero(areas < 0).tolist():
        holes[int(exteriors[index])].append(index)
    class_ids = corners.class_id[order[starts]]
    polygons = []
    for exterior, inner in holes.items():
        area = int(areas[[exterior, *inner]].sum())
        mean = None if sums is None else float(sums[[exterior, *inner]].sum() / area / 255)
        polygons.append(Polygon(int(class_ids[exterior]), rings[exterior], [rings[i] for i in inner], area, mean))
    return polygons


def to_geojson(name: str, size: Size, polygons: Sequence[Polygon], table: ClassTable) -> dict[str, Any]:
    """Returns a GeoJSON document (RFC 7946) of the regions of one photograph.

    Coordinates are pixels, x to the right and y down from the upper left corner of the photograph: it has no place on
    Earth. `image` names the photograph and its size.

    Args:
        name: Of the photograph.
        size: Its height and width in pixels.
        polygons: Its regions.
        table: The classes.
    """
    return {
        "type": "FeatureCollection",
        "image": {"file_name": name, "width": size[1], "height": size[0], "coordinates": "pixels, y down"},
        "features": [
            {
                "type": "Feature",
                "properties": {
                    "class": table.names[polygon.class_id],
                    "class_id": polygon.class_id,
                    "area": polygon.area,
                    "confidence": None if polygon.confidence is None else round(polygon.confidence, 4),
                },
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[*ring.tolist(), ring[0].tolist()] for ring in (polygon.exterior, *polygon.holes)],
                },
            }
            for polygon in polygons
        ],
    }


def _find_corners(padded: NDArray[np.uint8], ignore_index: int) -> _Corners:
    """Finds the corners of all regions, and links each to the next one.

    The border of a region runs with the region on its right. Where a, b / c, d are the pixels around a corner, it turns
    right around a pixel of its own that stands between two others, and left around a pixel of another between three of
    its own.
    """
    above, below = padded[:-1], padded[1:]
    across, down = padded[:, :-1] != padded[:, 1:], above != below
    turns = (across[:-1] | across[1:]) & (down[:, :-1] | down[:, 1:])
    del across, down
    if (count := int(np.count_nonzero(turns))) > MAX_CORNERS:
        raise _too_many(count)
    rows, columns = np.nonzero(turns)
    a, b, c, d = above[rows, columns], above[rows, columns + 1], below[rows, columns], below[rows, columns + 1]
    right, down_, left, up = range(4)
    kinds = (  # direction of the border before and after the corner, class of the region, where
        (up, right, d, (d != b) & (d != c)),
        (right, down_, c, (c != a) & (c != d)),
        (down_, left, a, (a != b) & (a != c)),
        (left, up, b, (b != a) & (b != d)),
        (down_, right, d, (a == c) & (c == d) & (b != d)),
        (right, up, b, (b == c) & (c == d) & (a != d)),
        (up, left, a, (a == b) & (b == d) & (c != d)),
        (left, down_, c, (a == b) & (b == c) & (d != c)),
    )
    found = [(np.flatnonzero(where & (own != ignore_index)), before, after, own) for before, after, own, where in kinds]
    total = sum(len(places) for places, *_ in found)
    if total > MAX_CORNERS:
        raise _too_many(total)
    place = np.concatenate([places for places, *_ in found])
    before, after = (
        np.repeat([kind[side] for kind in found], [len(kind[0]) for kind in found]).astype(np.uint8) for side in (1, 2)
    )
    class_id = np.concatenate([own[places] for places, _, _, own in found])
    order = np.lexsort((class_id, place))
    place, before, after, class_id = place[order], before[order], after[order], class_id[order]
    x, y = columns[place], rows[place]
    following = np.empty(len(place), np.int64)
    for direction in (right, down_, left, up):
        begin, end = np.flatnonzero(after == direction), np.flatnonzero(before == direction)
        if direction in (down_, up):  # sides follow each other down a column, not along a row
            begin, end = (side[np.argsort(x[side], kind="stable")] for side in (begin, end))
        following[begin] = end
    return _Corners(x, y, following, class_id, np.flatnonzero(after == right))


def _too_many(corners: int) -> DataError:
    return DataError(
        f"the mask has {corners:,} corners, too many for polygons (at most {MAX_CORNERS:,}): remove small regions "
        "with --min-area (of the service, min_area)"
    )


def _follow(corners: _Corners) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the indices of the corners ring by ring, and the place at which each ring starts.

    A border that comes back to a point is divided there, so that no ring touches itself: where two pixels of a region
    meet at a corner only, and enclose others, these are a hole. Rings start at their highest, then leftmost corner.
    """
    steps, is_done = corners.next.tolist(), bytearray(len(corners.next))
    twins = _twins(corners)
    rings: list[list[int]] = []
    for corner in range(len(steps)):
        path: list[int] = []
        places: dict[int, int] = {}  # in the path, of the corners that have a twin
        while not is_done[corner]:
            is_done[corner] = 1
            twin = twins.get(corner)
            if twin is not None:
                if twin in places:
                    rings.append(path[places[twin] :])
                    del path[places[twin] :]
                places[corner] = len(path)
            path.append(corner)
            corner = steps[corner]
        if path:
            rings.append(path)
    firsts = [min(ring) for ring in rings]
    turned = [[*ring[(start := ring.index(first)) :], *ring[:start]] for ring, first in zip(rings, firsts, strict=True)]
    turned.sort()
    lengths = np.array([len(ring) for ring in turned], np.int64)
    order = np.fromiter((corner for ring in turned for corner in ring), np.int64, len(steps))
    return order, np.cumsum(lengths) - lengths


def _twins(corners: _Corners) -> dict[int, int]:
    """Returns pairs of corners at one point and of one class, each by the other."""
    is_twin = (np.diff(corners.x) == 0) & (np.diff(corners.y) == 0) & (np.diff(corners.class_id.astype(np.int16)) == 0)
    first = np.flatnonzero(is_twin).tolist()
    return {**{index: index + 1 for index in first}, **{index + 1: index for index in first}}


def _exteriors(
    padded: NDArray[np.uint8],
    corners: _Corners,
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    areas: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Returns the outer ring of each ring, itself for an outer one.

    Above the first corner of a hole lies its region. Up the column, that ends at the top side of a ring that started
    before: the outer one, or another hole.
    """
    ring_of = np.empty(len(order), np.int64)
    ring_of[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    width = padded.shape[1]
    sides = corners.y[corners.top] * width + corners.x[corners.top]
    exteriors = np.arange(len(starts))
    for ring in np.flatnonzero(areas < 0):
        corner = order[starts[ring]]
        x, y = corners.x[corner], corners.y[corner]
        others = np.flatnonzero(padded[: y + 1, x + 1] != corners.class_id[corner])
        side = np.searchsorted(sides, others[-1] * width + x, side="right") - 1
        exteriors[ring] = exteriors[ring_of[corners.top[side]]]
    return exteriors


def _sums(
    confidence: NDArray[np.uint8],
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    following: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Returns the sum of a confidence inside each ring, negative for holes, by Green's theorem.

    A sum over a region is the sum, along its horizontal sides, of the sums over the columns above them.
    """
    height, width = confidence.shape
    totals, above = np.empty(len(x), np.float64), np.zeros(width + 1)  # over all that is above and left of a corner
    by_row = np.argsort(y, kind="stable")
    bounds = np.searchsorted(y[by_row], np.arange(0, height + _ROWS, _ROWS) + 1)
    totals[by_row[: bounds[0]]] = 0
    for number, top in enumerate(range(0, height, _ROWS)):
        block = cv2.integral(confidence[top : top + _ROWS], sdepth=cv2.CV_64F) + above
        places = by_row[bounds[number] : bounds[number + 1]]
        totals[places] = block[y[places] - top, x[places]]
        above = block[-1]
    is_horizontal = y == y[following]
    return np.add.reduceat(np.where(is_horizontal, totals - totals[following], 0.0), starts)
