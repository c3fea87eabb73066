"""Packages of the extras."""

from __future__ import annotations

import sys

import pytest

from segdrone.errors import ConfigError
from segdrone.geo.crs import horizontal_crs
from segdrone.geo.libraries import library


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyproj", None)
    with pytest.raises(ConfigError, match=r"^this needs pyproj of the extra geo: pip install 'segdrone\[geo\]'$"):
        horizontal_crs("")
    with pytest.raises(ConfigError, match=r"^this needs pyproj of .*'segdrone\[geoparquet\]'$"):
        library("pyproj", "geoparquet")
