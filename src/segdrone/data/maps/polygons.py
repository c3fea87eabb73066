"""Read the polygons of a layer that meet a raster, in the raster's pixels."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.data.maps.places import bounds, import_pyproj, inverse_transform, outline, transform_between
from segdrone.data.maps.vector_file import Layer, ogr_errors
from segdrone.errors import ConfigError
from segdrone.raster.georeference import Georeference
from segdrone.windows import Size

log = logging.getLogger(__name__)

_MARGIN = 0.02  # of the raster's extent, beyond which polygons are cut off
_SEGMENT = 250.0  # meters: a straight line of that length is 2 mm off in another system
_DEGREE = 111_000.0  # meters
_FARTHEST = 1e12  # of coordinates in any unit


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

    Polygons with broken rings are mended by `shapely.make_valid`, other geometries left out; both are told once per
    raster, with the number of the first. Where the layer has another coordinate system, edges get more points before.

    Raises:
        DataError: The layer cannot be read, or its coordinate system and that of the raster cannot be compared.
    """
    shapely = import_shapely()
    to_layer, to_raster = transform_between(grid.place.crs, layer.crs), transform_between(layer.crs, grid.place.crs)
    extent = _extent(to_layer(grid.place.coordinates(outline(grid.size))), layer.crs)
    with ogr_errors(layer.path) as pyogrio:
        _, ids, wkb, columns = pyogrio.raw.read(
            str(layer.path.resolve()), layer=layer.name, columns=[] if attribute is None else [attribute], bbox=extent,
            force_2d=True, return_fids=True,
        )  # fmt: skip
    values = [""] * len(wkb) if attribute is None else [_text(value) for value in columns[0]]
    shapes = shapely.from_wkb(wkb, on_invalid="ignore") if len(wkb) else np.empty(0, object)
    polygonal = np.isin(shapely.get_type_id(shapes), (3, 6)) & _has_extent(shapes)
    _tell(layer, ids[~polygonal], "are no polygons, or have no coordinates: they are left out")
    shapes, ids = shapes[polygonal], ids[polygonal]
    values = [value for value, keep in zip(values, polygonal.tolist(), strict=True) if keep]
    broken = ~shapely.is_valid(shapes)
    if broken.any():
        shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
        _tell(layer, ids[broken], "had rings that cross themselves: they are mended")
    areas = shapely.area(shapes)
    if extent is not None:
        shapes = clip(shapes, extent)
    if layer.crs != grid.place.crs:
        shapes = shapely.segmentize(shapes, _SEGMENT / _units(layer.crs))
    to_pixels = inverse_transform(grid.place)
    shapes = shapely.transform(shapes, lambda points: to_pixels(to_raster(points)))
    drawn = _has_extent(shapes)
    values = [value for value, keep in zip(values, drawn.tolist(), strict=True) if keep]
    return Polygons(shapes[drawn], values, areas[drawn])


def clip(shapes: NDArray[Any], extent: tuple[float, float, float, float]) -> NDArray[Any]:
    """Returns the parts of polygons within an extent: its smallest x and y, and its largest."""
    shapely = import_shapely()
    try:
        return np.asarray(shapely.clip_by_rect(shapes, *extent), object)
    except shapely.GEOSException:  # of rings that shrink to two points; the general way is ten times as slow
        sound = shapely.make_valid(shapes, method="structure", keep_collapsed=False)
        return np.asarray(shapely.intersection(sound, shapely.box(*extent)), object)


def _has_extent(shapes: NDArray[Any]) -> NDArray[np.bool_]:
    """Returns which geometries have points, and no coordinate that cannot be computed with."""
    bounds_of = import_shapely().bounds(shapes).reshape(len(shapes), 4)
    return np.asarray((np.abs(bounds_of) < _FARTHEST).all(1))  # NaN is not


def import_shapely() -> Any:
    """Returns the module `shapely`.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import shapely
    except ImportError:
        raise ConfigError("polygons are read by the extra geo: pip install 'segdrone[geo]'") from None
    return shapely


def _extent(points: NDArray[np.float64], crs: str) -> tuple[float, float, float, float] | None:
    """Returns the extent of a raster in a layer's system, a little larger; None if it crosses that system's edge."""
    found = bounds(points)
    if found is None:
        return None
    left, bottom, right, top = found
    if right - left > 180 and _units(crs) == _DEGREE:  # across the date line
        return None
    x, y = _MARGIN * (right - left), _MARGIN * (top - bottom)
    return left - x, bottom - y, right + x, top + y


def _units(crs: str) -> float:
    """Returns the meters in a unit of a coordinate system, roughly."""
    system = import_pyproj().CRS.from_user_input(crs)
    if system.is_geographic:
        return _DEGREE
    return float(system.axis_info[0].unit_conversion_factor or 1) if system.axis_info else 1.0


def _text(value: Any) -> str:
    """Returns the value of an attribute as text; whole numbers without decimals, nothing for none."""
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _tell(layer: Layer, ids: NDArray[Any], what: str) -> None:
    if len(ids):
        log.warning("%s: %d features %s, the first has the id %s", layer, len(ids), what, ids[0])
