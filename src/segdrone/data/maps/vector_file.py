"""Open files of polygons: which formats, which layer, which attributes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segdrone.errors import ConfigError, DataError
from segdrone.raster.gdal import import_rasterio
from segdrone.utils.bounded import UnreadableError, read_xml
from segdrone.utils.regular_file import open_regular

FORMATS = "GeoPackage, GeoJSON, Shapefile, FlatGeobuf or KML"
"""Formats of polygons that are read: those that lead to no other file."""

_LAYER = "|layername="  # as QGIS writes it
_MAGIC = (b"SQLite format 3\0", b"fgb\x03", b"\0\0\x27\x0a")  # GeoPackage, FlatGeobuf, Shapefile
_JSON = (b"{", b"\x1e{")
_JSON_SUFFIXES = (".geojson", ".json", ".geojsonl", ".geojsons")
_DRIVERS = ("GPKG", "FlatGeobuf", "ESRI Shapefile", "GeoJSON", "GeoJSONSeq", "KML", "LIBKML")
_SHOWN = 12  # names in a message


@dataclass(frozen=True)
class Layer:
    """A layer of a vector file.

    Attributes:
        path: The file.
        name: The layer.
        crs: Its coordinate system, as `EPSG:CODE` or WKT.
        fields: Names of its attributes.
    """

    path: Path
    name: str
    crs: str
    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}" if self.name == self.path.stem else f"{self.path}{_LAYER}{self.name}"


def split_layer(given: str) -> tuple[Path, str | None]:
    """Returns the file and the layer of `FILE` or `FILE|layername=NAME`.

    Example:
        >>> split_layer("parcels.gpkg|layername=2024")[1]
        '2024'
    """
    path, _, layer = given.partition(_LAYER)
    return Path(path), layer or None


@contextmanager
def ogr_errors(path: Path) -> Iterator[Any]:
    """Yields the module `pyogrio`; its errors become a DataError of one line.

    Raises:
        ConfigError: It is not installed.
        DataError: The file cannot be read.
    """
    import_rasterio()  # sets which drivers GDAL leaves out
    os.environ.setdefault("OGR_SQLITE_LOAD_EXTENSIONS", "NONE")
    try:
        import pyogrio
        import pyogrio.raw
    except ImportError:
        raise ConfigError("polygons are read by the extra geo: pip install 'segdrone[geo]'") from None
    try:
        pyogrio.set_gdal_config_options({"CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none"})  # no address is followed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of attributes that are not read, and of measured coordinates
            yield pyogrio
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
            pyogrio.errors.CRSError, pyogrio.errors.GeometryError, ValueError, RuntimeError) as error:  # fmt: skip
        reason = " ".join(str(error).replace(str(path.resolve()), "it").split(";")[0].split())[:300]
        raise DataError(f"{path} cannot be read ({reason}): write it again, as {FORMATS}") from None


def is_vector_file(path: Path) -> bool:
    """Whether a file has one of the `FORMATS`, by its first bytes."""
    try:
        with open_regular(path) as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<"):  # GDAL also takes XML that names other files for layers
        return _is_kml(path)
    return start.startswith(_MAGIC) or (text.startswith(_JSON) and path.suffix.lower() in _JSON_SUFFIXES)


def _is_kml(path: Path) -> bool:
    try:
        return str(read_xml(path).tag).rpartition("}")[2] == "kml"
    except UnreadableError:
        return False


def open_layer(given: str, attribute: str | None) -> Layer:
    """Finds the layer of a file: the one that is named, the only one, or the only one that has an attribute.

    Args:
        given: `FILE`, or `FILE|layername=NAME`.
        attribute: Name of the attribute that gives the class; None if none is needed.

    Raises:
        DataError: The file is missing or of another kind, has no such layer or no such attribute, has several, or does
            not say its coordinate system.
    """
    path, wanted = split_layer(given)
    if not path.is_file():
        raise DataError(f"{path} does not exist: check the path")
    if not is_vector_file(path):
        raise DataError(f"{path} is neither a raster nor a file of polygons that is read: write it as {FORMATS}")
    source = str(path.resolve())
    with ogr_errors(path) as pyogrio:
        names = [str(name) for name, kind in pyogrio.list_layers(source) if kind is not None]
        infos = {name: pyogrio.read_info(source, layer=name) for name in names if wanted in (None, name)}
    if foreign := {info["driver"] for info in infos.values()} - {*_DRIVERS}:
        raise DataError(f"{path} is read as {min(foreign)}, not as {FORMATS}: write it as one of these")
    if not infos:
        what = f"has no layer {wanted}" if wanted else "has no layer with geometries"
        raise DataError(f"{path} {what}: choose from {_shorten(names) or 'another file'}")
    fields = {name: tuple(str(field) for field in info["fields"]) for name, info in infos.items()}
    having = [name for name in infos if attribute is None or attribute in fields[name]]
    if not having:
        listed = "; ".join(f"{_shorten(fields[name]) or 'none'}" for name in list(infos)[:3])
        raise DataError(f"{path} has no attribute {attribute}: choose the one with the classes from {listed}")
    if len(having) > 1:
        raise DataError(f"{path} has the layers {_shorten(having)}: give one of them as {path}{_LAYER}{having[0]}")
    [name] = having
    crs = infos[name]["crs"]
    if not crs:
        raise DataError(
            f"{path} does not say its coordinate system: write it (ogr2ogr -a_srs EPSG:CODE), or restore its .prj file"
        )
    return Layer(path, name, str(crs), fields[name])


def _shorten(names: Any) -> str:
    listed = [*names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(map(str, listed[:_SHOWN])) + more
