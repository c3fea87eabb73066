"""A photograph and the cache that holds its pixels."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.caching.cache import CacheKey
from segdrone.data.caching.disk_cache import DiskCache
from tests.helpers.cached_pixels import FULL, PIXELS, Decoder


@pytest.fixture
def key(tmp_path: Path) -> CacheKey:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"first")
    return CacheKey(tmp_path / "photos" / "a.jpg", PIXELS.shape, "area")


@pytest.fixture
def folder(tmp_path: Path, key: CacheKey) -> Path:
    """A cache that holds the pixels of the key."""
    DiskCache(tmp_path / "cache").window(key, FULL, Decoder(PIXELS))
    return tmp_path / "cache"
