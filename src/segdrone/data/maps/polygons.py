"""Read the polygons of a layer that meet a raster, in the raster's pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.data.maps.places import inverse_transform
from segdrone.raster.crs import are_equal, transform_between
from segdrone.raster.geo_libraries import library
from segdrone.raster.georeference import Georeference
from segdrone.raster.polygons import FARTHEST, extent_around, mend, points_of, reproject
from segdrone.raster.turns import to_turns_of_raster
from segdrone.raster.vector_file import Layer, read_features, text_of
from segdrone.windows import Size


@dataclass
class Grid:
    """Where the pixels of a raster lie.

    Attributes:
        path: The raster, for messages.
        place: Its georeference.
        size: Its height and width in pixels.
    """

    path: str
    place: Georeference
    size: Size


@dataclass
class Polygons:
    """Polygons in the pixels of a raster: x to the right, y down from the outer corner of the first pixel.

    Attributes:
        shapes: Polygons and multipolygons of shapely, an array of objects `[N]`.
        values: The attribute of each, as text; empty where it has none, or no attribute was asked for.
        areas: Area of each in the layer, before it was cut off: float64 `[N]`.
    """

    shapes: NDArray[Any]
    values: list[str]
    areas: NDArray[np.float64]


def read_polygons(layer: Layer, attribute: str | None, grid: Grid) -> Polygons:
    """Reads the polygons of a layer that meet a raster.

    Polygons with broken rings are mended, other geometries left out; both are told once per raster. Where the layer has
    another coordinate system, edges get more points before.

    Raises:
        DataError: The layer cannot be read, or its coordinate system and that of the raster cannot be compared.
    """
    shapely = library("shapely")
    to_layer = transform_between(grid.place.crs, layer.crs)
    points, crs = points_of(grid.place, grid.size), grid.place.crs
    extent = extent_around(to_layer(points), layer.crs)
    found = read_features(layer, [] if attribute is None else [attribute], extent)
    shapes = mend(found.shapes, np.array([f"feature {number}" for number in found.ids], object), layer)
    areas = shapely.area(shapes)
    shapes = reproject(shapes, layer.crs, crs, extent)
    is_reprojected = not are_equal(layer.crs, crs)
    shapes = to_turns_of_raster(shapes, points, crs, str(layer), is_reprojected=is_reprojected)
    shapes = shapely.transform(shapes, inverse_transform(grid.place))
    bounds = shapely.bounds(shapes).reshape(len(shapes), 4)
    drawn = (np.abs(bounds) < FARTHEST).all(axis=1)  # NaN is not
    values = [""] * len(shapes) if attribute is None else [text_of(value) for value in found.fields[attribute]]
    kept = [value for value, keep in zip(values, drawn.tolist(), strict=True) if keep]
    return Polygons(shapes[drawn], kept, areas[drawn])
