"""Draw the labels of several files in the pixels of a raster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import IGNORE_INDEX
from segdrone.data.maps.label_classes import IGNORED_ID
from segdrone.data.maps.polygons import Polygons
from segdrone.raster.crs import Points
from segdrone.raster.gdal import gdal_options
from segdrone.raster.geo_libraries import library
from segdrone.raster.polygons import are_polygons, clip
from segdrone.windows import Window

Mask = NDArray[np.uint8]
Pixels = NDArray[np.bool_]


class Labels(Protocol):
    """Labels of one file, in the pixels of one raster."""

    def meets(self, window: Window) -> bool:
        """Whether the window may have a label."""

    def draw(self, window: Window) -> tuple[Mask, Pixels]:
        """Returns the ids in a window, and which of its pixels have polygons of several classes, bool `[H, W]`.

        Ids are uint8 `[H, W]`: `IGNORED_ID` where a label says so, 255 without a label.
        """


class PolygonLabels:
    """Polygons with an id each. Where they overlap, the smaller one is on top.

    A pixel belongs to a polygon that contains its center.

    Args:
        polygons: The polygons.
        ids: Id of each of their values; polygons of other values are not drawn.
    """

    def __init__(self, polygons: Polygons, ids: Mapping[str, int]) -> None:
        shapely = library("shapely")
        kept = [i for i in np.argsort(-polygons.areas, kind="stable").tolist() if polygons.values[i] in ids]
        self._shapes = polygons.shapes[kept]
        self._ids = np.array([ids[polygons.values[i]] for i in kept], np.uint8)
        self._tree = shapely.STRtree(self._shapes)

    def __len__(self) -> int:
        return len(self._ids)

    def meets(self, window: Window) -> bool:
        """Whether a polygon has an extent that meets that of the window."""
        return len(self._find(window)) > 0

    def draw(self, window: Window) -> tuple[Mask, Pixels]:
        """Draws the polygons that meet a window; see `Labels.draw`."""
        shapely = library("shapely")
        found = np.sort(self._find(window))
        top, left, height, width = window
        # GDAL takes the corners of a polygon one by one: only those near the window are given to it.
        shapes = clip(self._shapes[found], (left - 2, top - 2, left + width + 2, top + height + 2))
        parts, index = shapely.get_parts(shapes, return_index=True)
        flat = are_polygons(parts) & ~shapely.is_empty(parts)
        drawn = [(part, int(id_)) for part, id_ in zip(parts[flat], self._ids[found][index[flat]], strict=True)]
        mask = fill_polygons(drawn, window)
        if len({id_ for _, id_ in drawn}) < 2:
            return mask, np.zeros(mask.shape, np.bool_)
        return mask, mask != fill_polygons(drawn[::-1], window)

    def _find(self, window: Window) -> NDArray[np.int64]:
        top, left, height, width = window
        box = library("shapely").box(left, top, left + width, top + height)
        return np.asarray(self._tree.query(box), np.int64)


def fill_polygons(shapes: Sequence[tuple[Any, int]], window: Window) -> Mask:
    """Draws polygons over one another: uint8 `[H, W]`, 255 where there is none.

    Args:
        shapes: Polygons in pixels of the raster, each with its id, the last on top.
        window: The part of the raster.
    """
    size = (window.height, window.width)
    if not shapes:
        return np.full(size, IGNORE_INDEX, np.uint8)
    with gdal_options() as rasterio:
        from rasterio.features import rasterize

        place = rasterio.Affine.translation(window.left, window.top)
        filled = rasterize(shapes, size, fill=IGNORE_INDEX, transform=place, dtype="uint8")
    return np.asarray(filled, np.uint8)


def fill_points(points: Points, window: Window) -> NDArray[np.bool_]:
    """Returns the pixels of a window, bool `[H, W]`, whose centers are inside an outline in pixels of the raster."""
    return np.asarray(fill_polygons([(library("shapely").Polygon(points), 1)], window) == 1)


def draw_all(layers: Sequence[Labels], window: Window) -> tuple[Mask, Pixels]:
    """Draws the labels of several files over one another, the last on top; ignored ids become 255.

    Returns:
        The ids, uint8 `[H, W]`, and which pixels have polygons of several classes in one file, bool `[H, W]`.
    """
    result = np.full((window.height, window.width), IGNORE_INDEX, np.uint8)
    overlapping = np.zeros(result.shape, np.bool_)
    for labels in layers:
        if labels.meets(window):
            mask, several = labels.draw(window)
            result = np.where(mask == IGNORE_INDEX, result, mask)
            overlapping |= several
    result[result == IGNORED_ID] = IGNORE_INDEX
    return result, overlapping
