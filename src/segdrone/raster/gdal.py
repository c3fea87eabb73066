"""Use GDAL, by rasterio, without letting a file reach the network, run code, or take a share of the memory.

rasterio is the extra `geo`; see `geo_libraries` for how it starts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from segdrone.raster.geo_libraries import library

_OPTIONS = {
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",  # any bytes of any file as pixels
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "YES",  # a truncated block is an error, not gray
    "GDAL_PAM_ENABLED": "YES",
}
_LOCAL = {"CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none"}  # no address inside a file is followed
_REMOTE = {
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",  # asks for what lies beside a map, not for a list of its folder
}


def import_rasterio() -> Any:
    """Returns the module `rasterio`, with what this package uses of it.

    Raises:
        ConfigError: It is not installed.
    """
    rasterio = library("rasterio")
    for name in ("_err", "enums", "errors", "shutil", "windows"):
        library(f"rasterio.{name}")
    return rasterio


@contextmanager
def gdal_options(*, remote: bool = False) -> Iterator[Any]:
    """Yields the module `rasterio`; within, GDAL reads local files alone, unless `remote`.

    Raises:
        ConfigError: rasterio is not installed.
    """
    rasterio = import_rasterio()
    options = _OPTIONS | (_REMOTE if remote else _LOCAL)
    with rasterio.Env(**options), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield rasterio


def gdal_errors() -> tuple[type[Exception], ...]:
    """Returns the errors that rasterio raises where GDAL fails; some are no `RasterioError`."""
    rasterio = import_rasterio()
    return rasterio.errors.RasterioError, rasterio._err.CPLE_BaseError
