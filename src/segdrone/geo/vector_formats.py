"""Write layers of polygons: append to a GeoPackage, and convert its layers to other formats in a stream."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.geo_libraries import library
from segdrone.utils.atomic import atomic_write

FORMATS = (".gpkg", ".geojson", ".fgb", ".parquet")
"""Suffixes of layers."""

_GEOPACKAGE = "1.3"  # GDAL before 3.7, as in QGIS 3.22 to 3.28, warns of later ones
_DEGREE = 111_320  # meters, along a meridian
_ROWS = 65_536  # of a Parquet row group


def append_features(
    database: Path, layer: str, polygons: NDArray[np.object_], fields: Mapping[str, NDArray[Any]], crs: Any
) -> None:
    """Appends polygons to a layer of a GeoPackage, which is created if needed.

    Args:
        database: The GeoPackage.
        layer: Name of the layer.
        polygons: shapely polygons `[P]`.
        fields: Values by name, `[P]` each; NaN is written as NULL.
        crs: `pyproj.CRS`, or None.

    Raises:
        DataError: It cannot be written.
    """
    raw = library("pyogrio.raw")
    exists = database.is_file() and database.stat().st_size > 0
    try:
        with _without_time(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            raw.write(
                database,
                library("shapely").to_wkb(polygons),
                list(fields.values()),
                list(fields),
                layer=layer,
                driver="GPKG",
                geometry_type="Polygon",
                crs=None if crs is None else crs.to_wkt(),
                append=exists,
                dataset_options={} if exists else {"VERSION": _GEOPACKAGE},
            )
    except _errors() as error:
        raise _not_written(database, error) from None


@contextmanager
def _without_time() -> Iterator[None]:
    """Writes no time into a GeoPackage: the same regions give the same bytes."""
    pyogrio = library("pyogrio")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "1970-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def convert_layer(database: Path, layer: str, path: Path, crs: Any, pixel: float | None, coordinates: str) -> None:
    """Writes a layer of a GeoPackage as a file of another format, without holding it in memory.

    Args:
        database: The GeoPackage.
        layer: Name of its layer.
        path: `.geojson`, `.fgb` or `.parquet`.
        crs: `pyproj.CRS`, or None.
        pixel: Side of a pixel in meters, if known.
        coordinates: What the coordinates are if there is no system: GeoJSON says it.

    Raises:
        DataError: It cannot be written.
    """
    pyogrio = library("pyogrio")
    with atomic_write(path) as partial, pyogrio.open_arrow(database, layer=layer, use_pyarrow=False) as (meta, stream):
        try:
            if path.suffix.lower() == ".parquet":
                info = pyogrio.read_info(database, layer=layer, force_total_bounds=True)
                _write_parquet(stream, partial, crs, meta["geometry_name"], info["total_bounds"])
                return
            is_json = path.suffix.lower() == ".geojson"
            partial.unlink()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
                pyogrio.write_arrow(
                    stream,
                    partial,
                    layer=path.stem,
                    driver="GeoJSON" if is_json else "FlatGeobuf",
                    geometry_type="Polygon",
                    geometry_name=meta["geometry_name"],
                    crs=None if crs is None else crs.to_wkt(),
                    layer_options=_geojson_options(crs, pixel, coordinates) if is_json else {},
                )
            _check_end(partial, is_json, pyogrio.read_info(database, layer=layer)["features"])
        except _errors() as error:
            raise _not_written(path, error) from None


def _geojson_options(crs: Any, pixel: float | None, coordinates: str) -> dict[str, str]:
    """Returns options of GDAL's driver: RFC 7946 on Earth, and a foreign member that says that it is not.

    RFC 7946 advises 7 digits, 1 cm: rings of smaller pixels would fall together, so that they get a tenth of a pixel.
    """
    if crs is None:
        note = {"type": "FeatureCollection", "image": {"coordinates": f"no coordinate system: {coordinates}"}}
        return {"NATIVE_DATA": json.dumps(note), "NATIVE_MEDIA_TYPE": "application/vnd.geo+json"}
    digits = 7 if pixel is None else max(7, math.ceil(-math.log10(pixel / _DEGREE / 10)))
    return {"RFC7946": "YES", "COORDINATE_PRECISION": str(min(digits, 12))}


def _write_parquet(stream: Any, path: Path, crs: Any, geometry: str, bounds: tuple[float, ...] | None) -> None:
    """Writes GeoParquet 1.1: WKB, counterclockwise exteriors, bounds of the whole layer."""
    pyarrow, parquet = (library(name, "geoparquet") for name in ("pyarrow", "pyarrow.parquet"))
    column = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "crs": None if crs is None else crs.to_json_dict(),
        "orientation": "counterclockwise",
        "edges": "planar",
    }
    if bounds is not None and all(map(math.isfinite, bounds)):
        column["bbox"] = [*bounds]
    document = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    reader = pyarrow.RecordBatchReader.from_stream(stream)
    names = [name for name in reader.schema.names if name != "fid"]
    fields = [reader.schema.field(name).remove_metadata() for name in names]
    fields = [field.with_name("geometry") if field.name == geometry else field for field in fields]
    schema = pyarrow.schema(fields, metadata={"geo": json.dumps(document)})
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in reader:
            columns = [batch.column(name) for name in names]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema), row_group_size=_ROWS)


def _check_end(path: Path, is_json: bool, count: int) -> None:
    """Checks the end of a file: GDAL 3.12 says nothing if the disk is full when it writes the last buffer.

    Raises:
        OSError: It is missing.
    """
    if is_json:
        with path.open("rb") as file:
            file.seek(-min(16, path.stat().st_size), os.SEEK_END)
            is_whole = file.read().rstrip().endswith(b"]\n}")
    else:
        last = library("pyogrio.raw").read(path, skip_features=max(count - 1, 0), columns=[])[2]
        is_whole = len(last) == min(count, 1)
    if not is_whole:
        raise OSError("its end is missing")


def _errors() -> tuple[type[Exception], ...]:
    errors = library("pyogrio.errors")
    return errors.DataSourceError, errors.DataLayerError, errors.FeatureError, errors.GeometryError, OSError


def _not_written(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path.name} cannot be written ({str(error)[:200]}): check the free disk space and the permissions"
    )
