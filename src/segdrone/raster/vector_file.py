"""Open files of polygons of others: their formats, layers and features, and nothing that such a file names."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError, shorten_list
from segdrone.raster.geo_libraries import library, without_network
from segdrone.utils.bounded import UnreadableError, read_xml
from segdrone.utils.console import one_line
from segdrone.utils.regular_file import open_regular

FORMATS = "GeoPackage, GeoJSON, Shapefile, FlatGeobuf or KML"
"""Formats of polygons that are read: those that lead to no other file."""

LAYER = "|layername="
"""What stands between a file and one of its layers, as QGIS writes it."""

_FLATGEOBUF, _SHAPEFILE, _SQLITE = b"fgb\x03", b"\0\0\x27\x0a", b"SQLite format 3\0"
_GEOPACKAGE = (b"GPKG", b"GP10", b"GP11")  # at byte 68; other databases may have tables that are other files
_JSON = (".geojson", ".json")
_JSON_LINES = (".geojsonl", ".geojsons")
_RECORD = b"\x1e"  # before each feature of a GeoJSON sequence (RFC 8142)
_LONGEST_LINE = 1 << 20  # bytes
_DRIVERS = ("GPKG", "FlatGeobuf", "ESRI Shapefile", "GeoJSON", "GeoJSONSeq", "KML", "LIBKML")
_BESIDE_SHAPEFILE = (".dbf", ".shx", ".prj", ".cpg")
_NO_SYSTEM = ("LOCAL_CS[", 'GEOGCS["Undefined geographic SRS"')  # of GeoPackages of layers without one: -1 and 0
_SHOWN = 12  # names in a message


@dataclass(frozen=True)
class Layer:
    """A layer of a vector file.

    Attributes:
        path: The file.
        name: The layer.
        kind: Its type of geometry, such as `Polygon`; `Unknown` if it may have several.
        crs: Its coordinate system, as `EPSG:CODE` or WKT; empty if the file does not say it.
        fields: Names of its attributes.
    """

    path: Path
    name: str
    kind: str
    crs: str
    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}" if self.name == self.path.stem else f"{self.path}{LAYER}{self.name}"


class Features(NamedTuple):
    """Features of a layer.

    Attributes:
        ids: Their numbers in the file, int64 `[N]`.
        shapes: shapely geometries, object `[N]`; None where there is none, or it cannot be read.
        fields: Values of each attribute, `[N]`.
    """

    ids: NDArray[np.int64]
    shapes: NDArray[np.object_]
    fields: dict[str, NDArray[Any]]


def split_layer(given: str) -> tuple[Path, str | None]:
    """Returns the file and the layer of `FILE` or `FILE|layername=NAME`.

    Example:
        >>> split_layer("parcels.gpkg|layername=2024")[1]
        '2024'
    """
    path, _, layer = given.partition(LAYER)
    return Path(path), layer or None


def vector_files(given: str) -> list[Path]:
    """Returns a vector file, and those that belong to it.

    Args:
        given: `FILE`, or `FILE|layername=NAME`.

    Raises:
        DataError: It does not exist.
    """
    path, _ = split_layer(given)
    if not path.is_file():
        raise DataError(f"{path} does not exist: check the path")
    beside = [path.with_name(f"{path.name}-wal")]
    if path.suffix.lower() == ".shp":
        beside += [path.with_suffix(case) for end in _BESIDE_SHAPEFILE for case in (end, end.upper())]
    return [path, *(file for file in beside if file.is_file())]


def is_vector_file(path: Path) -> bool:
    """Whether a file has one of the `FORMATS`, by its suffix and first bytes.

    Raises:
        DataError: It cannot be read.
    """
    return _source(path) is not None


def find_layers(given: str) -> list[Layer]:
    """Returns the layers of a file, or the one that is named.

    Args:
        given: `FILE`, or `FILE|layername=NAME`.

    Raises:
        DataError: The file is missing, broken or of another kind, or has no such layer.
    """
    path, wanted = split_layer(given)
    if not path.is_file():
        raise DataError(f"{path} does not exist: check the path")
    source = _source(path)
    if source is None:
        raise DataError(f"{path} is no file of polygons that is read: write it as {FORMATS}")
    with _ogr(path) as pyogrio:
        kinds = {str(name): str(kind) for name, kind in pyogrio.list_layers(source) if kind is not None}
        infos = {name: pyogrio.read_info(source, layer=name) for name in kinds if wanted in (None, name)}
    if foreign := {info["driver"] for info in infos.values()} - {*_DRIVERS}:
        raise DataError(f"{path} is read as {min(foreign)}, not as {FORMATS}: write it as one of these")
    if not infos:
        what = f"has no layer {wanted}" if wanted else "has no layer with geometries"
        raise DataError(f"{path} {what}: choose from {list_names(list(kinds)) or 'another file'}")
    return [
        Layer(path, name, kinds[name], _system_of(info["crs"]), tuple(map(str, info["fields"])))
        for name, info in infos.items()
    ]


def _system_of(crs: str | None) -> str:
    """Returns a coordinate system of the Earth; empty if there is none."""
    return "" if crs is None or crs.startswith(_NO_SYSTEM) else crs


def read_features(
    layer: Layer, columns: Sequence[str], extent: tuple[float, float, float, float] | None = None
) -> Features:
    """Reads the features of a layer.

    Args:
        layer: What `find_layers` returned.
        columns: Attributes that are read.
        extent: Smallest x and y, and largest, of what features have to meet; None for all.

    Raises:
        DataError: The layer cannot be read.
    """
    shapely = library("shapely")
    with _ogr(layer.path) as pyogrio:
        meta, ids, wkb, values = pyogrio.raw.read(
            _source(layer.path), layer=layer.name, columns=[*columns], bbox=extent, force_2d=True, return_fids=True
        )
    with np.errstate(invalid="ignore"):
        shapes = np.empty(0, object) if wkb is None or not len(wkb) else shapely.from_wkb(wkb, on_invalid="ignore")
    return Features(ids, shapes, dict(zip(map(str, meta["fields"]), values, strict=True)))


def text_of(value: Any) -> str:
    """Returns the value of an attribute as text; whole numbers without decimals, nothing for none.

    Whole numbers come as decimals from fields of which one is empty, and from many Shapefiles. Values of a list, which
    GeoJSON may have, are separated by commas.

    Example:
        >>> text_of(7.0), text_of(float("nan")), text_of(" north "), text_of(np.array(["a", "b"]))
        ('7', '', 'north', 'a, b')
    """
    if isinstance(value, list | np.ndarray):
        return ", ".join(map(text_of, value))
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def list_names(names: Sequence[str]) -> str:
    """Returns names for a message, not more than 12 of them."""
    return shorten_list(names, _SHOWN)


@contextmanager
def _ogr(path: Path) -> Iterator[Any]:
    """Yields the module `pyogrio`; its errors become a DataError of one line."""
    library("pyogrio.raw")
    pyogrio = library("pyogrio")
    errors = pyogrio.errors
    try:
        with without_network(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of attributes that are not read, and of measured coordinates
            yield pyogrio
    except (errors.DataSourceError, errors.DataLayerError, errors.FeatureError, errors.CRSError, errors.GeometryError,
            ValueError, RuntimeError) as error:  # fmt: skip
        reason = one_line(" ".join(str(error).replace(str(path.absolute()), "it").split(";")[0].split()))[:300]
        raise DataError(f"{path} cannot be read ({reason}): write it again, as {FORMATS}") from None


def _source(path: Path) -> str | None:
    """Returns what GDAL is to open; None if the file has none of the `FORMATS`.

    GDAL chooses its driver by what is in a file, and some of these read whatever other files and addresses it names. So
    a file has to be what its suffix says: zero bytes keep it from being taken for XML or JSON, the suffix keeps
    databases from any driver but that of GeoPackage, and JSON is given to one driver by name.
    """
    try:
        with open_regular(path) as file:
            start = file.readline(_LONGEST_LINE)
            after = file.read(100)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None
    suffix, head, plain = path.suffix.lower(), (start + after)[:100], str(path.absolute())
    if head.startswith(_SQLITE):
        return plain if suffix == ".gpkg" and head[68:72] in _GEOPACKAGE else None
    if head.startswith(_FLATGEOBUF) or (head.startswith(_SHAPEFILE) and suffix == ".shp"):
        return plain
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n") or after.lstrip()
    if text.startswith(b"<"):
        return plain if _is_kml(path) else None
    if suffix not in (*_JSON, *_JSON_LINES) or not text.startswith((b"{", _RECORD)):
        return None
    is_sequence = text.startswith(_RECORD) or (text.rstrip().endswith(b"}") and after.lstrip().startswith(b"{"))
    return f"{'GeoJSONSeq' if is_sequence or suffix in _JSON_LINES else 'GeoJSON'}:{plain}"


def _is_kml(path: Path) -> bool:
    """Whether a file is KML: GDAL also takes XML that names other files for layers."""
    try:
        return str(read_xml(path).tag).rpartition("}")[2] == "kml"
    except UnreadableError:
        return False
