"""The cache on disk: what stays between runs, changes, several processes."""

from __future__ import annotations

import logging
import multiprocessing
import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from segdrone.data.caching.cache import CacheKey
from segdrone.data.caching.cache_files import clear
from segdrone.data.caching.disk_cache import SUFFIX, VERSION, DiskCache
from segdrone.utils.atomic import atomic_write
from segdrone.windows import Window
from tests.helpers.cached_pixels import FULL, MASK, PIXELS, Decoder, cached_file, rewrite_header


def test_another_run_finds_the_pixels(folder: Path, key: CacheKey) -> None:
    decode = Decoder(PIXELS)
    np.testing.assert_array_equal(DiskCache(folder).window(key, Window(9, 9, 30, 40), decode), PIXELS[9:39, 9:49])
    assert decode.calls == 0


def test_halves_of_killed_processes_are_removed_and_those_in_use_stay(folder: Path, key: CacheKey) -> None:
    (folder / f".x.0123abcd.part{SUFFIX}").write_bytes(b"half")
    with atomic_write(folder / f"other{SUFFIX}") as partial:
        DiskCache(folder).reserve([key])
        assert sorted(path.name for path in folder.iterdir()) == sorted([cached_file(folder, key).name, partial.name])


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_a_file_of_another_version_is_decoded_again(
    version: int, folder: Path, key: CacheKey, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite_header(cached_file(folder), version=version)
    decode = Decoder(PIXELS)
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(DiskCache(folder).window(key, FULL, decode), PIXELS)
    assert decode.calls == 1
    assert "another version of segdrone" in caplog.text


def test_a_changed_photograph_replaces_its_file(folder: Path, key: CacheKey) -> None:
    key.source.write_bytes(b"another photograph")
    DiskCache(folder).window(key, FULL, Decoder(255 - PIXELS))
    assert len(list(folder.iterdir())) == 1


def _read_many(folder: Path, key: CacheKey, queue: multiprocessing.Queue[int]) -> None:
    cache = DiskCache(folder)
    queue.put(sum(int(cache.window(key, FULL, Decoder(PIXELS)).sum()) for _ in range(50)))


def test_processes_can_write_at_the_same_time(tmp_path: Path, key: CacheKey) -> None:
    (tmp_path / "cache").mkdir()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=_read_many, args=(tmp_path / "cache", key, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    assert {queue.get(timeout=60) for _ in processes} == {50 * int(PIXELS.sum())}
    for process in processes:
        process.join()
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [SUFFIX]
    assert not cached_file(tmp_path / "cache").name.startswith(".")


def test_counts_are_read_from_the_header(tmp_path: Path, key: CacheKey) -> None:
    mask, expected = CacheKey(key.source, MASK.shape, "mask"), np.bincount(MASK.ravel(), minlength=256)
    first, second = Decoder(MASK), Decoder(MASK)
    (tmp_path / "cache").mkdir()
    np.testing.assert_array_equal(DiskCache(tmp_path / "cache").counts(mask, first), expected)
    np.testing.assert_array_equal(DiskCache(tmp_path / "cache").counts(mask, second), expected)
    assert (first.calls, second.calls) == (1, 0)
    key.source.write_bytes(b"changed")
    np.testing.assert_array_equal(DiskCache(tmp_path / "cache").counts(mask, Decoder(MASK // 2)).sum(), MASK.size)


def test_a_window_loads_only_its_own_rows(tmp_path: Path, key: CacheKey) -> None:
    tall = CacheKey(key.source, (20_000, 1000, 3), "area")
    cache = DiskCache(tmp_path / "cache")
    cache.reserve([tall])
    cache.window(tall, Window(0, 0, 1, 1), lambda: np.ones(tall.shape, np.uint8))
    before = psutil.Process().memory_info().rss
    for top in range(0, 20_000, 2000):
        assert cache.window(tall, Window(top, 0, 10, 1000), Decoder(PIXELS)).all()
    assert psutil.Process().memory_info().rss - before < 20e6  # of 60 MB


def test_a_cache_that_is_cleared_meanwhile_is_filled_again(
    folder: Path, key: CacheKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, replace = DiskCache(folder), os.replace

    def clear_and_replace(source: Path, target: Path) -> None:
        clear(folder)
        replace(source, target)

    key.source.write_bytes(b"changed")
    monkeypatch.setattr(os, "replace", clear_and_replace)
    np.testing.assert_array_equal(cache.window(key, FULL, Decoder(PIXELS)), PIXELS)
    monkeypatch.undo()
    cache.window(key, FULL, Decoder(PIXELS))
    again = Decoder(PIXELS)
    cache.window(key, FULL, again)
    assert again.calls == 0
