"""Read the polygons of a vector file, with drivers that read nothing but that file."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.geo.crs import horizontal_crs
from segdrone.geo.libraries import library
from segdrone.utils.console import one_line

log = logging.getLogger(__name__)

_MAGIC = {  # first bytes; their zero bytes keep GDAL from taking the file for XML or JSON that names other files
    ".gpkg": b"SQLite format 3\0",
    ".fgb": b"fgb\x03fgb",
    ".shp": b"\x00\x00\x27\x0a\x00\x00\x00\x00",
}
_GEOPACKAGE = (b"GPKG", b"GP10", b"GP11")  # at byte 68
_JSON = (".geojson", ".json")
_NAMES = ("name", "zone", "label", "title", "id", "code", "number")  # fields that name zones, the first one of them


class ZoneLayer(NamedTuple):
    """Features of a layer.

    Attributes:
        names: One for each.
        shapes: shapely geometries or None, object `[Z]`.
        crs: `pyproj.CRS`, or None.
    """

    names: list[str]
    shapes: NDArray[np.object_]
    crs: Any


def read_layer(path: Path) -> ZoneLayer:
    """Reads the first layer of polygons of a file.

    GDAL chooses its driver by what is in a file, and some of these read whatever other files and addresses it names. So
    only four formats are opened, each checked to be what its suffix says.

    Raises:
        DataError: It is of another format, broken, or has no features.
    """
    raw, errors, shapely = library("pyogrio.raw"), library("pyogrio.errors"), library("shapely")
    source = _source(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            layer = _choose_layer(source, path)
            meta, _, geometries, values = raw.read(source, layer=layer, force_2d=True)
            with np.errstate(invalid="ignore"):
                shapes = shapely.from_wkb(geometries)
    except (errors.DataSourceError, errors.DataLayerError, errors.FeatureError, errors.GeometryError, ValueError,
            shapely.errors.GEOSException, UnicodeDecodeError) as error:  # fmt: skip
        raise DataError(
            f"{path.name} cannot be read ({one_line(error)[:200]}): write it anew as a GeoPackage"
        ) from None
    if shapes is None or not len(shapes):
        raise DataError(f"{path.name} is empty: zones are polygons")
    pyproj = library("pyproj")
    try:
        crs = horizontal_crs(pyproj.CRS.from_user_input(meta["crs"]).to_wkt()) if meta["crs"] else None
    except pyproj.exceptions.CRSError:
        raise DataError(f"the coordinate system of {path.name} cannot be read: assign it anew with ogr2ogr") from None
    return ZoneLayer(_names(dict(zip(meta["fields"], values, strict=True)), len(shapes), path), shapes, crs)


def _source(path: Path) -> str:
    """Returns what to open: a path without a chance of being taken for something else."""
    suffix = path.suffix.lower()
    if suffix not in (*_MAGIC, *_JSON):
        raise DataError(f"{path.name}: zones are read from {', '.join((*_MAGIC, *_JSON))}: convert it with ogr2ogr")
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from None
    if suffix in _JSON:
        return f"GeoJSON:{path.absolute()}"
    if not head.startswith(_MAGIC[suffix]) or (suffix == ".gpkg" and head[68:72] not in _GEOPACKAGE):
        raise DataError(f"{path.name} is no {suffix} file by its first bytes: write it anew with ogr2ogr")
    return str(path.absolute())


def _choose_layer(source: str, path: Path) -> str:
    layers = library("pyogrio").list_layers(source)
    possible = [name for name, kind in layers if kind and not any(word in kind for word in ("Point", "LineString"))]
    if not possible:
        raise DataError(f"{path.name} holds no layer of polygons: zones are areas")
    if others := [str(name) for name, kind in layers if kind and name != possible[0]]:
        log.warning(
            "%s has %d layers: zones are those of %s, not of %s",
            path.name, len(others) + 1, one_line(possible[0]), one_line(", ".join(others))[:200],
        )  # fmt: skip
    return str(possible[0])


def _names(fields: dict[str, NDArray[Any]], count: int, path: Path) -> list[str]:
    by_name = {name.casefold(): name for name in fields}
    found = [by_name[name] for name in _NAMES if name in by_name]
    found += [name for name, values in fields.items() if values.dtype == object]
    for name in found:
        values = [None if value is None or value != value else one_line(value).strip() for value in fields[name]]
        if any(values):
            log.info("%s: zones are named by the field %s", path.name, name)
            return [value[:200] if value else str(number) for number, value in enumerate(values, 1)]
    return [str(number) for number in range(1, count + 1)]
