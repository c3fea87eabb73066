"""Read the coordinate system of a raster, and find its places on the ellipsoid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.geo.libraries import library
from segdrone.utils.console import one_line

WGS84 = "EPSG:4326"


def horizontal_crs(wkt: str) -> Any:
    """Returns the horizontal part of a coordinate system, as `pyproj.CRS`.

    Heights and shifts to other datums are left out: `ETRS89 / UTM 33N + EGM2008 height` becomes `ETRS89 / UTM 33N`.

    Args:
        wkt: The system as WKT, not empty.

    Raises:
        DataError: It is no system of places on an ellipsoid in two dimensions, or not WKT.

    Example:
        >>> import pyproj
        >>> horizontal_crs(pyproj.CRS("EPSG:32633+5773").to_wkt()).name
        'WGS 84 / UTM zone 33N'
    """
    pyproj = library("pyproj")
    try:
        crs = pyproj.CRS.from_wkt(wkt)
    except pyproj.exceptions.CRSError:
        raise DataError(
            f"the coordinate system cannot be read ({one_line(wkt)[:60]}): assign one, such as EPSG:32633, with "
            "gdal_edit.py -a_srs"
        ) from None
    while crs.is_bound or crs.is_compound:
        crs = crs.source_crs if crs.is_bound else crs.sub_crs_list[0]
    if crs.is_geocentric or crs.is_vertical or crs.geodetic_crs is None or not (crs.is_projected or crs.is_geographic):
        raise DataError(
            f"{one_line(crs.name)[:60]} is no coordinate system of a map ({crs.type_name}): reproject to a projected "
            "or geographic one with gdalwarp -t_srs"
        )
    crs = crs.to_2d() if len(crs.axis_info) > 2 else crs
    base = crs
    while base.is_derived:
        if (base.coordinate_operation.method_name or "").startswith("PROJ "):  # may name files, which PROJ would open
            raise DataError(
                f"{one_line(crs.name)[:60]} is defined by a command of PROJ: reproject to a system with a name, such "
                "as EPSG:32633, with gdalwarp -t_srs"
            )
        base = base.source_crs
    return crs


def to_ellipsoid(crs: Any, coordinates: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns longitudes and latitudes in radians, float64 `[N]` each, on the system's own ellipsoid.

    Args:
        crs: What `horizontal_crs` returned.
        coordinates: x and y in the system, float64 `[N, 2]`; a place without one on Earth becomes infinite.
    """
    geodetic = crs
    while geodetic.is_derived:  # projected, or with rotated poles
        geodetic = geodetic.source_crs
    geodetic = geodetic.to_2d() if len(geodetic.axis_info) > 2 else geodetic
    longitude, latitude = transformer(crs, geodetic).transform(coordinates[:, 0], coordinates[:, 1])
    unit = geodetic.axis_info[0].unit_conversion_factor
    return np.asarray(longitude) * unit, np.asarray(latitude) * unit


def to_wgs84(crs: Any, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns longitudes and latitudes on WGS 84 in degrees, float64 `[N, 2]`, of coordinates `[N, 2]` of a system."""
    return np.stack(transformer(crs, WGS84).transform(coordinates[:, 0], coordinates[:, 1]), axis=1)


def transformer(source: Any, target: Any) -> Any:
    """Returns a `pyproj.Transformer` of x and y, whatever the order of axes in the systems.

    Raises:
        DataError: PROJ knows no way from one to the other.
    """
    pyproj = library("pyproj")
    try:
        return pyproj.Transformer.from_crs(source, target, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise DataError(
            f"{one_line(source.name)[:60]} cannot be converted ({one_line(error)[:99]}): reproject with gdalwarp -t_srs"
        ) from None
