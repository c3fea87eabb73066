"""Packages of the extras, and how they start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from segdrone.errors import ConfigError
from segdrone.raster.crs import horizontal_crs
from segdrone.raster.gdal import import_rasterio
from segdrone.raster.geo_libraries import library

START = """
import logging, os
logging.basicConfig()
from segdrone.raster.geo_libraries import library
for name in {order}:
    library(name)
with library("rasterio").Env() as env:
    print(sorted({{"WMS", "WCS", "HTTP", "GTiff"}} & {{*env.drivers()}}), "GDAL_SKIP" in os.environ)
library("pyogrio").list_drivers()
print(library("pyogrio").get_gdal_config_option("CPL_VSIL_CURL_ALLOWED_EXTENSIONS"))
print(library("pyproj").network.is_network_enabled())
"""


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyproj", None)
    with pytest.raises(ConfigError, match=r"^this needs pyproj of the extra geo: pip install 'segdrone\[geo\]'$"):
        horizontal_crs("EPSG:4326")
    with pytest.raises(ConfigError, match=r"^this needs pyproj of .*'segdrone\[geoparquet\]'$"):
        library("pyproj", "geoparquet")
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(ConfigError, match=r"^this needs rasterio of the extra geo"):
        import_rasterio()


@pytest.mark.parametrize("order", [("rasterio.features", "pyogrio"), ("pyogrio.raw", "rasterio")])
def test_network_drivers_are_left_out_without_a_warning(order: tuple[str, str]) -> None:
    command = [sys.executable, "-c", START.format(order=order)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.stdout.splitlines(), found.stderr) == (["['GTiff'] False", ".none", "False"], "")


def test_gdal_asked_for_pyogrio_first_still_leaves_network_drivers_out() -> None:
    command = [sys.executable, "-c", "import pyogrio\n" + START.format(order=("rasterio",))]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.stdout.splitlines()[:1], found.stderr) == (["['GTiff'] False"], "")
