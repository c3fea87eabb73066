"""Caches of decoded pixels: all kinds return the same pixels."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from numpy.typing import NDArray

from segdrone.data.caching.cache import Cache, CacheKey, MemoryCache, NoCache, format_bytes
from segdrone.data.caching.disk_cache import DiskCache
from segdrone.errors import DataError
from segdrone.windows import Window
from tests.helpers.cached_pixels import FULL, MASK, PIXELS, Decoder


@pytest.fixture
def key(tmp_path: Path) -> CacheKey:
    (tmp_path / "a.jpg").write_bytes(b"first")
    return CacheKey(tmp_path / "a.jpg", PIXELS.shape, "area")


Make = Callable[[CacheKey], Cache]


@pytest.fixture(params=["none", "memory", "shared", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def build(*keys: CacheKey) -> Cache:
        if request.param == "disk":
            cache = DiskCache(tmp_path / "cache")
            cache.reserve(keys)
            return cache
        return NoCache() if request.param == "none" else MemoryCache(keys, shared=request.param == "shared")

    return build


@pytest.mark.parametrize("window", [FULL, Window(3, 5, 20, 30), Window(60, 80, 20, 30), Window(69, 89, 1, 1)])
@pytest.mark.parametrize("step", [1, 4])
def test_windows_are_decoded_once(make: Make, key: CacheKey, window: Window, step: int) -> None:
    cache, decode = make(key), Decoder(PIXELS)
    for _ in range(3):
        cut = cache.window(key, window, decode, step)
        np.testing.assert_array_equal(cut, PIXELS[window.rows, window.columns][::step, ::step])
    assert decode.calls == 1


def test_a_window_is_a_copy(make: Make, key: CacheKey) -> None:
    cache, decode = make(key), Decoder(PIXELS.copy())
    cache.window(key, FULL, decode)[:] = 0
    np.testing.assert_array_equal(cache.window(key, FULL, decode), PIXELS)


def test_every_value_is_counted(make: Make, key: CacheKey) -> None:
    mask = CacheKey(key.source, MASK.shape, "mask")
    cache, decode = make(mask), Decoder(MASK)
    for _ in range(2):
        np.testing.assert_array_equal(cache.counts(mask, decode), np.bincount(MASK.ravel(), minlength=256))
    assert decode.calls == 1


def test_a_changed_file_is_decoded_again(make: Make, key: CacheKey) -> None:
    cache, other = make(key), 255 - PIXELS
    cache.window(key, FULL, Decoder(PIXELS))
    key.source.write_bytes(b"a second photograph")
    np.testing.assert_array_equal(cache.window(key, FULL, Decoder(other)), other)
    np.testing.assert_array_equal(cache.window(key, FULL, Decoder(PIXELS)), other)


def test_a_later_file_of_the_same_length_is_decoded_again(make: Make, key: CacheKey) -> None:
    cache, other = make(key), 255 - PIXELS
    cache.window(key, FULL, Decoder(PIXELS))
    key.source.write_bytes(b"first")
    os.utime(key.source, ns=(0, key.source.stat().st_mtime_ns + 1000))
    np.testing.assert_array_equal(cache.window(key, FULL, Decoder(other)), other)


def test_another_content_of_equal_size_and_time_is_decoded_again(make: Make, key: CacheKey) -> None:
    cache, other = make(key), 255 - PIXELS
    cache.window(key, FULL, Decoder(PIXELS))
    times = key.source.stat()
    key.source.write_bytes(b"FIRST")
    os.utime(key.source, ns=(times.st_atime_ns, times.st_mtime_ns))
    np.testing.assert_array_equal(cache.window(key, FULL, Decoder(other)), other)


def test_another_file_of_equal_size_and_time_in_its_place_is_decoded_again(make: Make, key: CacheKey) -> None:
    replacement, other = key.source.with_name("other"), 255 - PIXELS
    replacement.write_bytes(b"FIRST")
    cache = make(key)
    cache.window(key, FULL, Decoder(PIXELS))
    times = key.source.stat()
    os.utime(replacement, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(replacement, key.source)
    np.testing.assert_array_equal(cache.window(key, FULL, Decoder(other)), other)


def test_only_reading_a_file_changes_nothing(make: Make, key: CacheKey) -> None:
    cache, decode = make(key), Decoder(PIXELS)
    for _ in range(3):
        cache.window(key, FULL, decode)
        key.source.read_bytes()
    assert decode.calls == 1


def test_a_missing_file_is_left_to_the_decoder(make: Make, key: CacheKey) -> None:
    def missing() -> NDArray[np.uint8]:
        raise DataError("missing")

    cache = make(key)
    cache.window(key, FULL, Decoder(PIXELS))
    key.source.unlink()
    with pytest.raises(DataError, match="missing"):
        cache.window(key, FULL, missing)
    with pytest.raises(DataError, match="missing"):
        make(key).window(key, FULL, missing)


def test_a_change_is_reported(caplog: pytest.LogCaptureFixture, key: CacheKey) -> None:
    cache = MemoryCache([key], shared=False)
    cache.window(key, FULL, Decoder(PIXELS))
    key.source.write_bytes(b"second")
    with caplog.at_level(logging.WARNING):
        cache.window(key, FULL, Decoder(PIXELS))
        cache.window(key, FULL, Decoder(PIXELS))
    assert [record.getMessage() for record in caplog.records] == [f"{key.source} has changed: it is decoded again"]


def test_keys_differ_by_file_shape_and_variant(tmp_path: Path) -> None:
    keys = [
        CacheKey(tmp_path / name, shape, variant)
        for name in ("a", "b")
        for shape in ((2, 3), (3, 2), (2, 3, 3))
        for variant in ("area", "nearest")
    ]
    assert len({key.name for key in keys}) == len(keys)
    assert keys[0].name == CacheKey(tmp_path / "a", (2, 3), "area").name


def _read_in_process(cache: MemoryCache, key: CacheKey, queue: Queue[int]) -> None:
    queue.put(int(cache.window(key, FULL, Decoder(PIXELS)).sum()))


def test_processes_share_the_memory(key: CacheKey) -> None:
    cache, decode = MemoryCache([key], shared=True), Decoder(PIXELS)
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_read_in_process, args=(cache, key, queue))
    process.start()
    assert queue.get(timeout=120) == PIXELS.sum()
    process.join()
    np.testing.assert_array_equal(cache.window(key, FULL, decode), PIXELS)
    assert decode.calls == 0


def test_more_than_the_free_memory_is_refused(tmp_path: Path) -> None:
    side = int(psutil.virtual_memory().total ** 0.5)
    with pytest.raises(DataError) as caught:
        MemoryCache([CacheKey(tmp_path, (side, side, 3))], shared=False)
    need = format_bytes(side * side * 3)
    assert str(caught.value).startswith(f"data.cache=memory needs {need}, but ")
    assert str(caught.value).endswith("are free: give data.cache=disk")
