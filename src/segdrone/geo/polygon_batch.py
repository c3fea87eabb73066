"""Polygons of many regions in a few arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.raster.geo_libraries import library

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class PolygonBatch:
    """Regions as polygons, in the form of GeoArrow: rings one after another, without objects of Python.

    Rings run from corner to corner of pixels and close themselves: x to the right and y down from the upper left corner
    of the raster, without the first corner at the end. The first ring of a polygon is its exterior, with a positive
    area in these coordinates; the others are holes, with a negative one. No ring touches itself.

    Attributes:
        points: Column and row of the corners, int32 `[N, 2]`.
        ring_starts: Where each ring begins in `points`, and the end, int64 `[R + 1]`.
        polygon_starts: Where each polygon begins in the rings, and the end, int64 `[P + 1]`.
        class_id: Class of each region, int64 `[P]`.
        pixels: Number of its pixels, int64 `[P]`.
        square_meters: Its true area, float64 `[P]`; NaN if it is not known.
        confidence: Mean over its pixels, 0 to 1, float64 `[P]`; NaN if it is not known.
        order: Lowest row of its corners, then the leftmost column, in one number, int64 `[P]`: it grows as a scan from
            top to bottom finishes the regions.
    """

    points: NDArray[np.int32]
    ring_starts: Integers
    polygon_starts: Integers
    class_id: Integers
    pixels: Integers
    square_meters: NDArray[np.float64]
    confidence: NDArray[np.float64]
    order: Integers

    def __len__(self) -> int:
        return len(self.class_id)

    def take(self, polygons: Integers) -> PolygonBatch:
        """Returns some of the polygons, int64 `[Q]`, in that order."""
        rings, polygon_starts = ranges(self.polygon_starts, polygons)
        points, ring_starts = ranges(self.ring_starts, rings)
        columns = (column[polygons] for column in self._columns)
        return PolygonBatch(self.points[points], ring_starts, polygon_starts, *columns)

    @property
    def _columns(self) -> tuple[NDArray[Any], ...]:
        return self.class_id, self.pixels, self.square_meters, self.confidence, self.order

    @property
    def closing(self) -> tuple[Integers, Integers]:
        """Indices into `points` of rings that repeat their first corner, int64 `[N + R]`, and where these begin."""
        lengths = np.diff(self.ring_starts) + 1
        starts = np.concatenate([[0], np.cumsum(lengths)])
        index = np.arange(starts[-1]) - np.repeat(np.arange(len(lengths)), lengths)
        index[starts[1:] - 1] = self.ring_starts[:-1]
        return index, starts

    def to_shapely(self, points: NDArray[np.float64] | None = None) -> NDArray[np.object_]:
        """Returns shapely polygons `[P]`.

        Args:
            points: Coordinates of the corners, float64 `[N, 2]`; None: columns and rows.
        """
        shapely = library("shapely")
        index, starts = self.closing
        coordinates = (self.points if points is None else points)[index].astype(np.float64, copy=False)
        polygons: Any = shapely.from_ragged_array(
            shapely.GeometryType.POLYGON, coordinates, (starts, self.polygon_starts.astype(np.int64))
        )
        return np.asarray(polygons, object)


def concatenate(batches: Sequence[PolygonBatch]) -> PolygonBatch:
    """Returns the polygons of one or more batches."""
    first, *others = batches
    if not others:
        return first
    return PolygonBatch(
        np.concatenate([batch.points for batch in batches]),
        _joined([batch.ring_starts for batch in batches]),
        _joined([batch.polygon_starts for batch in batches]),
        *(np.concatenate(columns) for columns in zip(*(batch._columns for batch in batches), strict=True)),
    )


def ranges(starts: Integers, chosen: Integers) -> tuple[Integers, Integers]:
    """Returns the indices of chosen ranges one after another, and where each begins, and the end.

    Example:
        >>> ranges(np.array([0, 2, 5]), np.array([1, 0]))
        (array([2, 3, 4, 0, 1]), array([0, 3, 5]))
    """
    lengths = (starts[1:] - starts[:-1])[chosen]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return np.arange(ends[-1]) + np.repeat(starts[:-1][chosen] - ends[:-1], lengths), ends


def _joined(starts: Sequence[Integers]) -> Integers:
    ends = np.cumsum([0, *(part[-1] for part in starts)])
    parts = [part[:-1] + end for part, end in zip(starts, ends[:-1].tolist(), strict=True)]
    return np.concatenate([*parts, ends[-1:]])
