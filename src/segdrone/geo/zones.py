"""Read zones, such as parcels, and place them on a raster."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.geo.zone_file import read_layer
from segdrone.raster.crs import are_equal, name_of, transform_between
from segdrone.raster.geo_libraries import library
from segdrone.raster.georeference import Georeference
from segdrone.raster.polygons import Shapes, clip, extent_around, list_features, mend, points_of, reproject
from segdrone.raster.turns import to_turns_of_raster
from segdrone.raster.vector_file import split_layer
from segdrone.windows import Size, Window

log = logging.getLogger(__name__)


class Zones(NamedTuple):
    """Zones on a raster; they may overlap.

    Attributes:
        ids: Place of each in the file, from 1.
        names: Of the zones; those without a name are called by their place in the file.
        shapes: Their shapely polygons in columns and rows of the raster, object `[Z]`.
        is_inside: Whether all of a zone lies in the raster, bool `[Z]`.
    """

    ids: list[int]
    names: list[str]
    shapes: NDArray[np.object_]
    is_inside: NDArray[np.bool_]

    def meeting(self, window: Window) -> list[int]:
        """Returns the zones whose bounds meet a window."""
        left, top, right, bottom = library("shapely").bounds(self.shapes).T
        across = (left < window.left + window.width) & (right > window.left)
        return [
            int(zone) for zone in np.flatnonzero(across & (top < window.top + window.height) & (bottom > window.top))
        ]

    def cover(self, zone: int, window: Window) -> tuple[Window, NDArray[np.bool_]] | None:
        """Returns the part of a window in which a zone lies, and which pixels have their center in it, bool `[h, w]`.

        Returns None if the zone does not meet the window.
        """
        features, shape = library("rasterio.features"), self.shapes[zone]
        left, top, right, bottom = shape.bounds
        first, last = max(int(top), window.top), min(int(np.ceil(bottom)), window.top + window.height)
        begin, end = max(int(left), window.left), min(int(np.ceil(right)), window.left + window.width)
        if first >= last or begin >= end:
            return None
        part = Window(first, begin, last - first, end - begin)
        [clipped] = clip(np.array([shape], object), (begin - 1, first - 1, end + 1, last + 1))
        if clipped.is_empty:
            return None
        moved = library("affine").Affine.translation(begin, first)
        cover = features.rasterize([clipped], (part.height, part.width), transform=moved, dtype=np.uint8)
        return part, cover.astype(bool)


def read_zones(given: str, place: Georeference, size: Size) -> Zones:
    """Reads the polygons of a file, in the coordinate system of a raster.

    Straight edges of the file stay straight in its own system: they are divided before they are reprojected.

    Args:
        given: `FILE`, or `FILE|layername=NAME`.
        place: Where the raster lies.
        size: Its height and width.

    Raises:
        DataError: The file cannot be read, holds no polygons, or none of them meets the raster.
    """
    shapely, file = library("shapely"), split_layer(given)[0].name
    layer = read_layer(given)
    shapes = mend(layer.shapes, np.array([f"zone {name}" for name in layer.names], object), file)
    chosen = np.flatnonzero(~shapely.is_empty(shapes))
    if not len(chosen):
        raise DataError(f"{file} holds no polygons: zones are areas, not points or lines")
    names = np.array(layer.names, object)[chosen]
    shapes = _on_raster(shapes[chosen], layer.crs, place, size, file)
    frame = shapely.box(0, 0, size[1], size[0])
    meets = shapely.area(shapely.intersection(shapes, frame)) > 0
    if not meets.any():
        raise DataError(
            f"none of the {len(shapes)} zones of {file} meets the raster: check that both lie in the same place "
            "and that the coordinate systems of both are right"
        )
    inside = shapely.covered_by(shapes, shapely.buffer(frame, 1e-6))
    for which, what in (
        (~meets, "beside the raster, left out"),
        (meets & ~inside, "partly beside the raster, whose pixels alone count"),
    ):
        if which.any():
            log.warning("%s: %s: %s", file, what, list_features([f"zone {name}" for name in names[which]]))
    return Zones((chosen[meets] + 1).tolist(), names[meets].tolist(), shapes[meets], inside[meets])


def _on_raster(shapes: Shapes, crs: str, place: Georeference, size: Size, file: str) -> Shapes:
    """Returns zones in columns and rows of the raster, without what lies far from it."""
    shapely = library("shapely")
    if crs and not place.crs:
        raise DataError(f"{file} lies in {name_of(crs)}, and the raster has no coordinate system: assign it one")
    if place.crs and not crs:
        log.warning("%s has no coordinate system: taken for that of the raster, %s", file, name_of(place.crs))
        crs = place.crs
    if place.crs:
        points = transform_between(place.crs, crs)(points_of(place, size))
        if not np.isfinite(points).all():
            raise DataError(f"the raster has no place in {name_of(crs)}, the system of {file}")
        shapes = reproject(shapes, crs, place.crs, extent_around(points, crs))
        if not np.isfinite(shapely.get_coordinates(shapes)).all():
            raise DataError(f"a zone of {file} has no place in {name_of(place.crs)}, the system of the raster")
        points, is_reprojected = points_of(place, size), not are_equal(place.crs, crs)
        shapes = to_turns_of_raster(shapes, points, place.crs, file, is_reprojected=is_reprojected)
    a, b, c, d, e, f = place.transform
    inverse = np.linalg.inv(np.array([[a, b], [d, e]]))
    shapes = shapely.transform(shapes, lambda xy: (xy - (c, f)) @ inverse.T)
    return np.asarray(shapely.make_valid(shapes), object)
