"""Write regions as layers of a GIS, batch by batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable, thing_classes
from segdrone.errors import ConfigError, DataError
from segdrone.geo.areas import PixelAreas
from segdrone.geo.polygon_batch import PolygonBatch
from segdrone.geo.styles import write_style
from segdrone.geo.vector_formats import FORMATS, append_features, convert_layer
from segdrone.raster.crs import WGS84, Points, read_crs, transform_between
from segdrone.raster.geo_libraries import library
from segdrone.raster.georeference import Georeference
from segdrone.raster.polygons import points_of
from segdrone.raster.turns import Turn, to_turn
from segdrone.utils.atomic import atomic_write
from segdrone.windows import Size

REGIONS = "regions"
"""Name of the layer of all regions."""

PIXELS = Georeference("", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
"""Where a raster lies that has no place on Earth: coordinates are its columns and rows, y down."""

Floats = NDArray[np.float64]

_REGION_FIELDS = ("id", "class", "class_id", "confidence", "area_m2", "perimeter_m", "pixels")
_OBJECT_FIELDS = ("id", "class", "confidence", "area_m2", "x", "y", "lon", "lat")
_KINDS = {"id": np.int64, "class": object, "class_id": np.int32, "pixels": np.int64}
_EMPTY = {name: np.empty(0, _KINDS.get(name, np.float64)) for name in (*_REGION_FIELDS, *_OBJECT_FIELDS)}
_DEGREES = Turn(360.0, 0.0)  # of WGS 84
_POLYGONS = 20_000  # that are written at once
_CORNERS = 60_000_000  # of one polygon: SQLite holds values of at most 1 GB, and a corner takes 16 bytes


@contextmanager
def polygon_writer(
    path: Path,
    table: ClassTable,
    place: Georeference = PIXELS,
    areas: PixelAreas | None = None,
    min_area_m2: float = 0.0,
) -> Iterator[PolygonWriter]:
    """Yields a writer of regions; the files appear, whole, when the body ends without an error.

    All regions go into a layer `regions`, and those of each thing class also into a layer `objects_CLASS`. A GeoPackage
    holds all layers; other formats have a file for each: `map.geojson`, `map_objects_car.geojson`. Beside each file
    lies a style for QGIS, `map.qml`. GeoJSON is on WGS 84 with exteriors counterclockwise (RFC 7946), and polygons that
    cross the antimeridian are cut there; the other formats keep the system of the raster.

    Fields of `regions`: `id` from 1, `class`, `class_id`, `confidence` (0 to 1), `area_m2` (true, of the pixels),
    `perimeter_m` (of the rings as they are written, by the scale of the map at each side) and `pixels`. Fields of
    `objects_CLASS`: the same `id`, `class`, `confidence` and `area_m2`, and the centroid, `x` and `y` in the system of
    the raster, `lon` and `lat` in degrees on WGS 84. What is not known is empty.

    Args:
        path: `.gpkg`, `.geojson`, `.fgb` or `.parquet`.
        table: The classes.
        place: Where the raster lies. Without a coordinate system, coordinates are those of its transform.
        areas: True areas of its pixels; None without a coordinate system.
        min_area_m2: Leave out smaller regions.

    Raises:
        ConfigError: The suffix is of no format, or a library is missing.
        DataError: `min_area_m2` is given without `areas`, or a file cannot be written.

    Example:
        >>> import tempfile
        >>> from segdrone.classes import DRONE
        >>> from segdrone.geo.trace import RegionTracer
        >>> tracer = RegionTracer((2, 3))
        >>> path = Path(tempfile.mkdtemp(), "map.gpkg")
        >>> with polygon_writer(path, DRONE) as writer:
        ...     writer.write(tracer.add(np.array([[3, 3, 17], [3, 3, 17]], np.uint8)))
        >>> writer.count, sorted(file.name for file in path.parent.iterdir())
        (2, ['map.gpkg', 'map.qml'])
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError(f"{path.name}: polygons are written as {', '.join(FORMATS)}: choose one of these suffixes")
    if suffix == ".parquet":
        library("pyarrow.parquet", "geoparquet")
    if min_area_m2 > 0 and areas is None:
        raise DataError("the raster has no coordinate system, so that no least area in square meters can be asked for")
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if suffix == ".gpkg":
            database = stack.enter_context(atomic_write(path))
        else:
            folder = stack.enter_context(TemporaryDirectory(prefix=".polygons-", dir=path.parent))
            database = Path(folder, "layers.gpkg")
        middle = _middle_across_antimeridian(place, areas.size) if suffix == ".geojson" and areas is not None else None
        writer = PolygonWriter(database, table, place, areas, min_area_m2, middle)
        yield writer
        if suffix != ".gpkg":
            pixel = None if areas is None else min(areas.gsd)
            text = "x right, y down, in pixels" if place == PIXELS else "those of the transform of the raster"
            for layer in writer.layers:
                file = path if layer == REGIONS else path.with_name(f"{path.stem}_{layer}{path.suffix}")
                convert_layer(database, layer, file, writer.crs, pixel, text)
                write_style(file, table)
    if suffix == ".gpkg":
        write_style(path, table)


class PolygonWriter:
    """Appends regions to the layers of a GeoPackage.

    Attributes:
        layers: Class of each layer of objects by name; -1 for all regions.
        crs: Coordinate system of the layers, `pyproj.CRS`, or None.
        count: Number of regions that were written.
        count_by_class: The same by class id, int64 `[256]`.
    """

    def __init__(
        self,
        database: Path,
        table: ClassTable,
        place: Georeference,
        areas: PixelAreas | None,
        min_area_m2: float,
        middle: float | None = None,
    ) -> None:
        self._database, self._place, self._areas, self._min_area = database, place, areas, min_area_m2
        self._names = np.array(table.names, object)
        a, b, _, d, e, _ = place.transform
        self._is_mirrored = a * e < b * d
        self._middle = middle  # longitude, for layers that are written in degrees
        crs = place.crs if middle is None else WGS84
        self.crs = read_crs(crs) if crs else None
        self.layers = {REGIONS: -1, **object_layers(table)}
        self.count = 0
        self.count_by_class = np.zeros(256, np.int64)
        for name, class_id in self.layers.items():
            append_features(database, name, np.empty(0, object), _pick(_EMPTY, class_id >= 0), self.crs)

    def write(self, batch: PolygonBatch) -> None:
        """Writes regions.

        Raises:
            DataError: A region has too many corners for a GeoPackage, or the file cannot be written.
        """
        if self._min_area > 0:
            batch = batch.take(np.flatnonzero(batch.square_meters >= self._min_area))
        for start in range(0, len(batch), _POLYGONS):
            self._write(batch.take(np.arange(start, min(start + _POLYGONS, len(batch)))))

    def _write(self, batch: PolygonBatch) -> None:
        corners = np.diff(batch.ring_starts[batch.polygon_starts])
        if corners.max() > _CORNERS:
            raise DataError(
                f"a region of {self._names[batch.class_id[corners.argmax()]]} has {corners.max():,} corners, more than "
                "a GeoPackage holds: simplify the borders (--simplify)"
            )
        polygons = batch.to_shapely(self._place.coordinates(batch.points))
        if self._is_mirrored:  # exteriors run counterclockwise in the system of the map
            polygons = library("shapely").reverse(polygons)
        fields = {
            "id": np.arange(self.count + 1, self.count + len(batch) + 1),
            "class": self._names[batch.class_id],
            "class_id": batch.class_id.astype(np.int32),
            "confidence": batch.confidence.round(4),
            "area_m2": batch.square_meters.round(6),
            "perimeter_m": self._perimeters(batch).round(4),
            "pixels": batch.pixels,
        }
        written = polygons if self._middle is None else library("shapely").transform(polygons, self._to_degrees)
        append_features(self._database, REGIONS, written, _pick(fields, False), self.crs)
        for name, class_id in self.layers.items():
            if class_id >= 0 and len(chosen := np.flatnonzero(batch.class_id == class_id)):
                own = {field: values[chosen] for field, values in fields.items()} | self._centroids(polygons[chosen])
                append_features(self._database, name, written[chosen], _pick(own, True), self.crs)
        self.count += len(batch)
        self.count_by_class += np.bincount(batch.class_id, minlength=256)

    def _to_degrees(self, points: Points) -> Points:
        assert self._middle is not None
        return to_turn(transform_between(self._place.crs, WGS84)(points), _DEGREES, self._middle)

    def _perimeters(self, batch: PolygonBatch) -> Floats:
        if self._areas is None:
            return np.full(len(batch), np.nan)
        index, starts = batch.closing
        sides = self._areas.lengths(batch.points[index[:-1]], batch.points[index[1:]])
        sides[starts[1:-1] - 1] = 0  # from ring to ring
        return np.asarray(np.add.reduceat(sides, starts[batch.polygon_starts[:-1]]))

    def _centroids(self, polygons: NDArray[np.object_]) -> dict[str, Floats]:
        shapely = library("shapely")
        points = shapely.get_coordinates(shapely.centroid(polygons))
        degrees = np.full(points.shape, np.nan)
        if self._place.crs:
            degrees = transform_between(self._place.crs, WGS84)(points).copy()
            degrees[:, 0] -= 360 * np.round(degrees[:, 0] / 360)  # rasters across the antimeridian go beyond 180
        return {"x": points[:, 0], "y": points[:, 1], "lon": degrees[:, 0], "lat": degrees[:, 1]}


def _middle_across_antimeridian(place: Georeference, size: Size) -> float | None:
    """Returns the longitude of the middle of a raster that crosses the antimeridian, and no pole; None of others.

    GDAL cuts their polygons there for GeoJSON. Of those that it reprojects, it loses holes beyond the antimeridian.
    """
    degrees = transform_between(place.crs, WGS84)(points_of(place, size))
    middle = float(degrees[len(degrees) // 2, 0])
    near = to_turn(degrees, _DEGREES, middle)[:, 0]
    crosses = near.min() < -180 or near.max() > 180
    return middle if crosses and np.ptp(near) < 180 else None


def object_layers(table: ClassTable) -> dict[str, int]:
    """Returns the class id of each layer of objects by its name, which is a file name too.

    Example:
        >>> object_layers(ClassTable(("road", "Car / van"), ((1, 2, 3), (4, 5, 6)), things=("Car / van",)))
        {'objects_Car_van': 1}
    """
    layers: dict[str, int] = {}
    for name in thing_classes(table):
        layer = "objects_" + (re.sub(r"\W+", "_", name).strip("_")[:60] or "class")
        class_id = table.names.index(name)
        taken = layer.casefold() in map(str.casefold, layers)  # names of layers and some file systems ignore the case
        layers[f"{layer}_{class_id}" if taken else layer] = class_id
    return layers


def _pick(fields: dict[str, NDArray[Any]], is_object: bool) -> dict[str, NDArray[Any]]:
    return {name: fields[name] for name in (_OBJECT_FIELDS if is_object else _REGION_FIELDS)}
