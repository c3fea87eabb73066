"""Use GDAL, by rasterio, without letting a file reach the network, run code, or take a share of the memory.

rasterio is the extra `geo`. GDAL's options are read when it starts; what the user has set in the environment stays.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from segdrone.errors import ConfigError

_NETWORK_DRIVERS = "HTTP,WMS,WMTS,WCS,OGCAPI,PLMOSAIC,PLSCENES,DAAS,EEDA,EEDAI,NGW,STACIT,STACTA,TileDB"
_CACHE = "128"  # MB of decoded blocks; GDAL takes 5 % of the machine's memory
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
    os.environ.setdefault("GDAL_CACHEMAX", _CACHE)
    try:
        with _skipped_drivers():
            import rasterio

            with rasterio.Env():  # GDAL starts here
                pass
        import rasterio._err
        import rasterio.enums
        import rasterio.errors
        import rasterio.shutil
        import rasterio.windows
    except ImportError:
        raise ConfigError("maps (GeoTIFF and others) are read by the extra geo: pip install 'segdrone[geo]'") from None
    return rasterio


@contextmanager
def _skipped_drivers() -> Iterator[None]:
    """Keeps GDAL, which starts in the body, from drivers of the network.

    An overview file beside a raster is opened by any driver, whatever the raster is.
    """
    if "GDAL_SKIP" in os.environ:
        yield
        return
    os.environ["GDAL_SKIP"] = _NETWORK_DRIVERS
    try:
        yield
    finally:
        del os.environ["GDAL_SKIP"]


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
