"""Import the packages of the extras `geo` and `geoparquet` when they are first needed, without a way to the network."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from segdrone.errors import ConfigError

_NETWORK_DRIVERS = "HTTP,WMS,WMTS,WCS,OGCAPI,PLMOSAIC,PLSCENES,DAAS,EEDA,EEDAI,NGW,STACIT,STACTA,TileDB"
_CACHE = "128"  # MB of decoded blocks; GDAL takes 5 % of the machine's memory
_NOWHERE = "127.0.0.1:1"  # port at which nothing listens
_VECTORS = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",  # no address is opened as a file
    "GDAL_HTTP_PROXY": _NOWHERE,  # nor asked for a coordinate system, which GeoJSON may name by its address
    "GDAL_HTTPS_PROXY": _NOWHERE,
}


def library(module: str, extra: str = "geo") -> Any:
    """Imports a module of an extra.

    GDAL reads its options when it starts: rasterio starts without drivers of the network, pyogrio after it, since both
    may share one GDAL, and without extensions of SQLite. What the user has set in the environment stays. PROJ downloads
    no grids.

    Args:
        module: Such as `pyogrio.raw`.
        extra: The extra that installs it.

    Raises:
        ConfigError: It is not installed.

    Example:
        >>> library("shapely").Point(1, 2).x
        1.0
    """
    package = module.partition(".")[0]
    try:
        if package in ("rasterio", "pyogrio") and "rasterio" not in sys.modules:
            _start_rasterio()
        if package == "pyogrio" and "pyogrio" not in sys.modules:
            os.environ.setdefault("OGR_SQLITE_LOAD_EXTENSIONS", "NONE")
        found = import_module(module)
        if package == "pyogrio":
            import_module(package).set_gdal_config_options(_VECTORS)
        elif package == "pyproj":
            import_module("pyproj.network").set_network_enabled(False)
    except ImportError as error:
        name = (error.name or module).partition(".")[0]
        raise ConfigError(f"this needs {name} of the extra {extra}: pip install 'segdrone[{extra}]'") from None
    return found


def _start_rasterio() -> None:
    os.environ.setdefault("GDAL_CACHEMAX", _CACHE)
    with _skipped_drivers(), import_module("rasterio").Env():  # GDAL starts here
        pass


@contextmanager
def _skipped_drivers() -> Iterator[None]:
    """Keeps GDAL, which starts in the body, from drivers of the network.

    An overview file beside a raster is opened by any driver, whatever the raster is. The variable is removed again: the
    GDAL of pyogrio lacks some of the drivers, and would warn of them, as that of rasterio does in the log.
    """
    if "GDAL_SKIP" in os.environ:
        yield
        return
    os.environ["GDAL_SKIP"] = _NETWORK_DRIVERS
    logger = logging.getLogger("rasterio._env")
    logger.addFilter(_tells_no_missing_driver)
    try:
        yield
    finally:
        del os.environ["GDAL_SKIP"]
        logger.removeFilter(_tells_no_missing_driver)


def _tells_no_missing_driver(record: logging.LogRecord) -> bool:
    """Whether a record is something else than that a driver to skip is not there at all."""
    return "GDAL_SKIP" not in record.getMessage()


@contextmanager
def without_network() -> Iterator[None]:
    """Keeps GDAL from asking hosts for which the user has set that no proxy is used."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = ","  # curl takes an empty one for none
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("no_proxy", None)
        else:
            os.environ["no_proxy"] = before
