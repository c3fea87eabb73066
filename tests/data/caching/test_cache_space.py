"""The folder of the cache on disk: its space, and whether it can be written."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from segdrone.data.caching.cache import CacheKey
from segdrone.data.caching.disk_cache import DiskCache
from segdrone.errors import DataError
from segdrone.utils.cache_folder import cache_folder
from tests.helpers.cached_pixels import FULL, PIXELS, Decoder


def test_a_disk_that_is_too_small_is_refused_with_the_size_needed(tmp_path: Path, key: CacheKey) -> None:
    free = shutil.disk_usage(tmp_path).free
    large = CacheKey(key.source, (int(free**0.5) + 1, int(free**0.5) + 1), "area")
    with pytest.raises(DataError) as caught:
        DiskCache(tmp_path / "cache").reserve([large])
    text = str(caught.value)
    assert text.startswith(f"the cache needs {free / 1e9:.1f} GB in {tmp_path / 'cache'}, but ")
    for part in ("are free there", "segdrone data cache", "data.cache_dir=FOLDER", "data.cache=none"):
        assert part in text


def test_cached_pixels_need_no_more_space(folder: Path, key: CacheKey, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))
    DiskCache(folder).reserve([key])
    with pytest.raises(DataError, match="but 0.0 MB are free there"):
        DiskCache(folder).reserve([key, CacheKey(key.source, (5, 5), "area")])


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, key: CacheKey) -> None:
    (tmp_path / "file").write_text("")
    for where in (tmp_path / "file", tmp_path / "file" / "cache", Path("/proc/cache")):
        with pytest.raises(DataError, match=r"cannot be written .*data\.cache_dir=FOLDER"):
            DiskCache(where).reserve([key])


def test_a_full_disk_is_reported_once_and_reading_continues(
    tmp_path: Path, key: CacheKey, caplog: pytest.LogCaptureFixture
) -> None:
    cache, decode = DiskCache(tmp_path / "cache"), Decoder(PIXELS)
    cache.reserve([key])
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_text("a file in its place")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            np.testing.assert_array_equal(cache.window(key, FULL, decode), PIXELS)
    assert decode.calls == 3
    assert sum("cannot be written" in record.getMessage() for record in caplog.records) == 1


def test_the_cache_folder_is_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGDRONE_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("SEGDRONE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path)
