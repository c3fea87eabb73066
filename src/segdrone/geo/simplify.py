"""Simplify the borders between regions, without gaps and overlaps."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.geo.areas import PixelAreas
from segdrone.geo.finished import NodeSums, finished_polygons, nodes_left_of_holes, owners_of_holes, simple_rings
from segdrone.geo.outlines import OUTSIDE, OpenSides, find_turns, trace_outlines
from segdrone.raster.geo_libraries import library

_NOT_IGNORED = 256  # no id: what is no data has borders too


def tolerance_in_pixels(meters: float, areas: PixelAreas | None) -> float:
    """Returns a tolerance in meters as one in pixels, by the side of a square as large as a pixel on average.

    Raises:
        DataError: The raster has no coordinate system, or the tolerance is not above 0.
    """
    if areas is None:
        raise DataError("the raster has no coordinate system, so that borders cannot be simplified by meters")
    if not 0 < meters < math.inf:
        raise DataError(f"borders are simplified by a number of meters above 0, not by {meters}")
    return meters / math.sqrt(areas.mean)


def kept_points(mask: NDArray[np.uint8], tolerance: float) -> NDArray[np.bool_]:
    """Returns which corners of pixels remain in the borders of simplified regions, bool `[h + 1, W + 1]`.

    Borders are simplified by the algorithm of Visvalingam and Whyatt (1993), in the form of GEOS's coverage simplifier:
    of each three corners that follow one another, the middle one is left out while their triangle is smaller than
    `tolerance` squared, in pixels, the smallest triangle first, and if no other border lies in it. Both regions at a
    border lose the same corners, so that there is no gap and no overlap. Corners are never moved. Points where three
    regions meet and all corners at the edges of the rows remain.

    Args:
        mask: Class ids, uint8 `[h, W]`; what has the ignored id is simplified like a class.
        tolerance: Above 0.

    Example:
        >>> stairs = np.array([[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]], np.uint8)
        >>> np.argwhere(kept_points(stairs, 1.0)[1:-1, 1:-1]).tolist()
        []
    """
    shapely = library("shapely")
    height, width = mask.shape
    padded = np.full((height + 2, width + 2), OUTSIDE, np.int16)
    padded[1:-1, 1:-1] = mask
    none = np.empty(0, np.int64)
    sides = OpenSides(none, none)
    outlines = trace_outlines(padded, find_turns(padded, True), 0, _NOT_IGNORED, sides, sides, none, True)
    zeros = np.zeros(len(outlines.x), np.int64)
    sums = NodeSums(outlines.sign * outlines.x * outlines.y, zeros, zeros.astype(np.float64), zeros)
    rings = simple_rings(outlines, np.arange(len(outlines.starts)), sums)
    holes = np.flatnonzero(rings.sums.pixels < 0)
    others = nodes_left_of_holes(padded, outlines, 0, rings.nodes[rings.starts[holes]])
    ring_of = np.empty(len(outlines.x), np.int64)
    ring_of[rings.nodes] = np.repeat(np.arange(len(rings.starts) - 1), np.diff(rings.starts))
    owner = owners_of_holes(holes, ring_of[others], len(rings.starts) - 1)
    regions = finished_polygons(outlines, rings, owner, None).to_shapely()
    simplified = shapely.coverage_simplify(regions, tolerance, simplify_boundary=False)
    kept = np.zeros((height + 1, width + 1), bool)
    columns, rows = shapely.get_coordinates(simplified).astype(np.int64).T
    kept[rows, columns] = True
    kept[0] = kept[-1] = True
    return kept
