"""Addresses of maps."""

from __future__ import annotations

import pytest

from segdrone.errors import ConfigError
from segdrone.raster import MapSource
from segdrone.raster.map_address import shown_address, without_keys


@pytest.mark.parametrize("address", ["https://127.0.0.1:9/a.tif", "s3://bucket/a.tif", "/vsicurl/http://127.0.0.1:9/a"])
def test_addresses_are_read_only_if_asked_for(address: str) -> None:
    with pytest.raises(ConfigError, match="address of the network: give --remote"):
        MapSource(address)


def test_passwords_and_keys_are_not_shown() -> None:
    assert shown_address("https://me:pass@host/a.tif?key=1&b=(2)") == "https://host/a.tif?..."
    assert shown_address("/vsicurl/https://me:pass@host/a.tif?key=1") == "/vsicurl/https://host/a.tif?..."
    assert shown_address("what?.tif") == "what?.tif"
    assert without_keys("HTTP 403 https://me@host/a.tif?key=1 for it") == "HTTP 403 https://host/a.tif?... for it"
