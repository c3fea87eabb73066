"""Read coordinate systems, and transform coordinates between them."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.geo_libraries import library
from segdrone.utils.console import one_line

log = logging.getLogger(__name__)

Points = NDArray[np.float64]
"""Coordinates, float64 `[N, 2]`: x (east, or longitude) and y, whatever the order of axes in their system."""

WGS84 = "EPSG:4326"

_CODE = re.compile(r"\w+:\w+")
_PATH = re.compile(r"[/\\:]")  # in names of files beside those that come with PROJ


def read_crs(text: str) -> Any:
    """Reads a coordinate system of maps, as `pyproj.CRS`, without heights.

    `ETRS89 / UTM 33N + EGM2008 height` becomes `ETRS89 / UTM 33N`. A shift to another datum (`TOWGS84`) stays.

    Args:
        text: WKT, or `AUTHORITY:CODE`; not empty.

    Raises:
        DataError: It is no system of places on an ellipsoid in two dimensions, names files, or cannot be read.

    Example:
        >>> read_crs("EPSG:32633").name
        'WGS 84 / UTM zone 33N'
    """
    exceptions = library("pyproj.exceptions")
    try:
        system = library("pyproj").CRS
        crs = system.from_authority(*text.split(":")) if _CODE.fullmatch(text) else system.from_wkt(text)
    except exceptions.CRSError:
        raise DataError(
            f"the coordinate system cannot be read ({one_line(text)[:60]}): assign one, such as EPSG:32633, with "
            "gdal_edit.py -a_srs, or ogr2ogr -a_srs"
        ) from None
    while crs.is_compound:
        crs = crs.sub_crs_list[0]
    _check(crs)
    return crs if crs.is_bound or len(crs.axis_info) <= 2 else crs.to_2d()


def horizontal_crs(text: str) -> Any:
    """Returns a coordinate system as `read_crs` does, without a shift to another datum: that of its own ellipsoid.

    Raises:
        DataError: As `read_crs`.

    Example:
        >>> import pyproj
        >>> horizontal_crs(pyproj.CRS("EPSG:32633+5773").to_wkt()).name
        'WGS 84 / UTM zone 33N'
    """
    crs = read_crs(text)
    while crs.is_bound or crs.is_compound:
        crs = crs.source_crs if crs.is_bound else crs.sub_crs_list[0]
    return crs.to_2d() if len(crs.axis_info) > 2 else crs


def _check(crs: Any) -> None:
    """Refuses systems that are none of maps, and those by which PROJ would open files.

    Raises:
        DataError: It is one of these.
    """
    name = one_line(crs.name)[:60]
    while crs.is_bound or crs.is_compound:
        if crs.is_bound:
            _check_operation(crs, name)
        crs = crs.source_crs if crs.is_bound else crs.sub_crs_list[0]
    if crs.is_geocentric or crs.is_vertical or crs.geodetic_crs is None or not (crs.is_projected or crs.is_geographic):
        raise DataError(
            f"{name} is no coordinate system of a map ({crs.type_name}): assign the one of the coordinates (gdal_edit "
            "-a_srs EPSG:CODE), or reproject to a projected or geographic one (gdalwarp, ogr2ogr -t_srs)"
        )
    while crs.is_derived:
        _check_operation(crs, name)
        crs = crs.source_crs


def _check_operation(crs: Any, name: str) -> None:
    operation = crs.coordinate_operation.to_json_dict()
    values = [str(parameter.get("value")) for parameter in operation.get("parameters", [])]
    if operation["method"]["name"].startswith("PROJ ") or any(map(_PATH.search, values)):
        raise DataError(
            f"{name} is defined by a command of PROJ or a file: reproject to a system with a name, such as EPSG:32633, "
            "with gdalwarp -t_srs, or ogr2ogr -t_srs"
        )


def name_of(crs: str) -> str:
    """Returns the name of a coordinate system, for a message.

    Example:
        >>> name_of("EPSG:32633")
        'WGS 84 / UTM zone 33N'
    """
    try:
        return one_line(read_crs(crs).name)[:60]
    except DataError:
        return one_line(crs)[:60]


@cache
def are_equal(first: str, second: str) -> bool:
    """Whether two coordinate systems are one, whatever the order of their axes.

    Raises:
        DataError: As `read_crs`.
    """
    return bool(read_crs(first).equals(read_crs(second), ignore_axis_order=True))


@cache
def transform_between(source: str, target: str) -> Callable[[Points], Points]:
    """Returns the function that takes coordinates of one system to another; points without an image become infinite.

    Of several transformations, each point is taken by the best one of its place that is installed.

    Args:
        source: A coordinate system, as WKT or `AUTHORITY:CODE`.
        target: Another one.

    Raises:
        DataError: As `read_crs`, or there is no transformation between them.
    """
    first, second = read_crs(source), read_crs(target)
    if are_equal(source, target):
        return lambda points: points
    transformer_module, exceptions = library("pyproj.transformer"), library("pyproj.exceptions")
    try:
        with warnings.catch_warnings(action="ignore"):  # of missing grids, told below
            group = transformer_module.TransformerGroup(first, second, always_xy=True)
            transformer = transformer_module.Transformer.from_crs(first, second, always_xy=True)
        reason = "" if group.transformers else "there is no transformation between them"
    except exceptions.ProjError as error:
        reason = one_line(" ".join(str(error).split()))[:200]
    if reason:
        raise DataError(
            f"the coordinate systems {name_of(source)} and {name_of(target)} cannot be compared ({reason}): reproject "
            "one of the files (gdalwarp, ogr2ogr -t_srs), or say the system that it has (gdal_edit -a_srs)"
        )
    if not group.best_available:
        _tell_missing_grid(*sorted((first.name, second.name)), group.transformers[0].accuracy)

    def transform(points: Points) -> Points:
        return np.stack(transformer.transform(points[:, 0], points[:, 1]), axis=1)

    return transform


@cache
def _tell_missing_grid(first: str, second: str, accuracy: float) -> None:
    log.warning(
        "between %s and %s the best transformation needs a grid that is not installed (projsync): another one of %s is "
        "used", first, second, f"{accuracy:g} m" if accuracy >= 0 else "an unknown accuracy",
    )  # fmt: skip


def geodetic_of(crs: Any) -> Any:
    """Returns the system of longitudes and latitudes of one that is projected, or has rotated poles; without heights.

    Args:
        crs: What `horizontal_crs` returned.
    """
    while crs.is_derived:
        crs = crs.source_crs
    return crs.to_2d() if len(crs.axis_info) > 2 else crs


def to_ellipsoid(crs: Any, coordinates: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns longitudes and latitudes in radians, float64 `[N]` each, on the system's own ellipsoid.

    Args:
        crs: What `horizontal_crs` returned.
        coordinates: x and y in the system, float64 `[N, 2]`; a place without one on Earth becomes infinite.

    Raises:
        DataError: PROJ knows no way to the ellipsoid.
    """
    geodetic = geodetic_of(crs)
    try:
        transformer = library("pyproj").Transformer.from_crs(crs, geodetic, always_xy=True)
    except library("pyproj.exceptions").ProjError as error:
        raise DataError(
            f"{one_line(crs.name)[:60]} cannot be converted ({one_line(error)[:99]}): reproject with gdalwarp -t_srs"
        ) from None
    longitude, latitude = transformer.transform(coordinates[:, 0], coordinates[:, 1])
    unit = geodetic.axis_info[0].unit_conversion_factor
    return np.asarray(longitude) * unit, np.asarray(latitude) * unit


def utm_zone(longitude: float, latitude: float) -> str:
    """Returns the UTM zone (WGS 84) of a place in degrees; longitudes may be of any turn.

    Example:
        >>> utm_zone(15.4, 47.1)
        'EPSG:32633'
    """
    zone = min(60, int((longitude + 180) % 360 // 6) + 1)
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"
