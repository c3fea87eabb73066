from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from numpy.typing import NDArray

from segdrone.data.cache import Cache, CacheKey, MemoryCache, NoCache, format_bytes
from segdrone.data.disk_cache import DiskCache
from segdrone.errors import DataError
from segdrone.windows import Window

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
MASK = np.random.default_rng(1).integers(0, 23, (70, 90), dtype=np.uint8)
FULL = Window(0, 0, 70, 90)


class Decoder:
    """Hands out pixels, and counts how often."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels, self.calls = pixels, 0

    def __call__(self) -> NDArray[np.uint8]:
        self.calls += 1
        return self.pixels


@pytest.fixture
def entry(tmp_path: Path) -> CacheKey:
    (tmp_path / "a.jpg").write_bytes(b"first")
    return CacheKey(tmp_path / "a.jpg", PIXELS.shape, "area")


Make = Callable[[CacheKey], Cache]


@pytest.fixture(params=["none", "memory", "shared", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def build(*entries: CacheKey) -> Cache:
        if request.param == "disk":
            cache = DiskCache(tmp_path / "cache")
            cache.reserve(entries)
            return cache
        return NoCache() if request.param == "none" else MemoryCache(entries, shared=request.param == "shared")

    return build


@pytest.mark.parametrize("window", [FULL, Window(3, 5, 20, 30), Window(60, 80, 20, 30), Window(69, 89, 1, 1)])
@pytest.mark.parametrize("step", [1, 4])
def test_a_window_is_the_pixels_and_decoded_once(make: Make, entry: CacheKey, window: Window, step: int) -> None:
    cache, decode = make(entry), Decoder(PIXELS)
    for _ in range(3):
        cut = cache.window(entry, window, decode, step)
        np.testing.assert_array_equal(cut, PIXELS[window.rows, window.columns][::step, ::step])
    assert decode.calls == 1


def test_a_window_is_a_copy(make: Make, entry: CacheKey) -> None:
    cache, decode = make(entry), Decoder(PIXELS.copy())
    cache.window(entry, FULL, decode)[:] = 0
    np.testing.assert_array_equal(cache.window(entry, FULL, decode), PIXELS)


def test_counts_are_of_every_value(make: Make, entry: CacheKey) -> None:
    mask = CacheKey(entry.source, MASK.shape, "labels")
    cache, decode = make(mask), Decoder(MASK)
    for _ in range(2):
        np.testing.assert_array_equal(cache.counts(mask, decode), np.bincount(MASK.ravel(), minlength=256))
    assert decode.calls == 1


def test_a_changed_file_is_decoded_again(make: Make, entry: CacheKey) -> None:
    cache, other = make(entry), 255 - PIXELS
    cache.window(entry, FULL, Decoder(PIXELS))
    entry.source.write_bytes(b"a second photograph")
    np.testing.assert_array_equal(cache.window(entry, FULL, Decoder(other)), other)
    np.testing.assert_array_equal(cache.window(entry, FULL, Decoder(PIXELS)), other)


def test_a_file_of_the_same_length_written_later_is_another(make: Make, entry: CacheKey) -> None:
    cache, other = make(entry), 255 - PIXELS
    cache.window(entry, FULL, Decoder(PIXELS))
    entry.source.write_bytes(b"first")
    os.utime(entry.source, ns=(0, entry.source.stat().st_mtime_ns + 1000))
    np.testing.assert_array_equal(cache.window(entry, FULL, Decoder(other)), other)


def test_a_file_that_is_gone_is_asked_of_the_decoder(make: Make, entry: CacheKey) -> None:
    def missing() -> NDArray[np.uint8]:
        raise DataError("gone")

    cache = make(entry)
    cache.window(entry, FULL, Decoder(PIXELS))
    entry.source.unlink()
    with pytest.raises(DataError, match="gone"):
        cache.window(entry, FULL, missing)
    with pytest.raises(DataError, match="gone"):
        make(entry).window(entry, FULL, missing)


def test_a_change_is_said(caplog: pytest.LogCaptureFixture, entry: CacheKey) -> None:
    cache = MemoryCache([entry], shared=False)
    cache.window(entry, FULL, Decoder(PIXELS))
    entry.source.write_bytes(b"second")
    with caplog.at_level(logging.WARNING):
        cache.window(entry, FULL, Decoder(PIXELS))
        cache.window(entry, FULL, Decoder(PIXELS))
    assert [record.getMessage() for record in caplog.records] == [f"{entry.source} was changed: it is decoded again"]


def test_entries_differ_by_file_size_and_making(tmp_path: Path) -> None:
    entries = [
        CacheKey(tmp_path / name, shape, how)
        for name in ("a", "b")
        for shape in ((2, 3), (3, 2), (2, 3, 3))
        for how in ("area", "nearest")
    ]
    assert len({entry.name for entry in entries}) == len(entries)
    assert entries[0].name == CacheKey(tmp_path / "a", (2, 3), "area").name


def _read_elsewhere(cache: MemoryCache, entry: CacheKey, queue: torch.multiprocessing.Queue) -> None:
    queue.put(int(cache.window(entry, FULL, Decoder(PIXELS)).sum()))


def test_processes_share_one_memory(entry: CacheKey) -> None:
    cache, decode = MemoryCache([entry], shared=True), Decoder(PIXELS)
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_read_elsewhere, args=(cache, entry, queue))
    process.start()
    assert queue.get(timeout=120) == PIXELS.sum()
    process.join()
    np.testing.assert_array_equal(cache.window(entry, FULL, decode), PIXELS)
    assert decode.calls == 0


def test_more_than_the_free_memory_is_refused(tmp_path: Path) -> None:
    side = int(psutil.virtual_memory().total ** 0.5)
    with pytest.raises(DataError) as caught:
        MemoryCache([CacheKey(tmp_path, (side, side, 3))], shared=False)
    need = format_bytes(side * side * 3)
    assert str(caught.value).startswith(f"data.cache=memory needs {need}, where ")
    assert str(caught.value).endswith("are free: give data.cache=disk")
