"""The cache on disk: damage, changes, several processes."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from segdrone.data.caching.cache import CacheKey
from segdrone.data.caching.cache_files import clear, info
from segdrone.data.caching.disk_cache import SUFFIX, VERSION, DiskCache, default_folder
from segdrone.errors import DataError
from segdrone.utils.atomic import atomic_write
from segdrone.windows import Window
from tests.data.caching.test_cache import FULL, MASK, PIXELS, Decoder


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


def file(folder: Path, key: CacheKey | None = None) -> Path:
    (path,) = folder.glob(f"{key.name if key else '*'}{SUFFIX}")
    return path


def test_another_run_finds_the_pixels(folder: Path, key: CacheKey) -> None:
    decode = Decoder(PIXELS)
    np.testing.assert_array_equal(DiskCache(folder).window(key, Window(9, 9, 30, 40), decode), PIXELS[9:39, 9:49])
    assert decode.calls == 0


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _zeros(path: Path) -> None:
    """What a power failure may leave of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def _other_shape(path: Path) -> None:
    _rewrite(path, shape=[90, 70, 3])


_HEADERS: list[dict[str, object]] = [
    {"crc32": 5}, {"crc32": None}, {"crc32": ["x"]}, {"crc32": []}, {"crc32": [[]] * 64}, {"crc32": {"0": 1}},
    {"shape": 5}, {"shape": None}, {"shape": [1e9]}, {"shape": [True, 70, 90, 3]}, {"shape": [-70, -90, 3]},
    {"shape": [10**40, 0, 3]}, {"shape": []}, {"shape": "70"}, {"stamp": None}, {"stamp": 7}, {"stamp": ["a", [], {}]},
    {"source": 5}, {"source": None}, {"source": ["a"]}, {"version": None}, {"version": [1]}, {"version": "1"},
    {"counts": 5}, {"counts": [5]}, {"counts": [[0, 1, 2]]}, {"counts": [[-1, 6300]]}, {"counts": [["a", None]]},
]  # fmt: skip


def _rewrite(path: Path, **changes: object) -> None:
    content = path.read_bytes()
    header = json.loads(content[:4096]) | changes
    path.write_bytes(json.dumps(header).encode().ljust(4096) + content[4096:])


@pytest.mark.parametrize("spoil", [_shorten, _empty, _text, _lengthen, _flip, _zeros, _other_shape])
def test_a_damaged_file_is_decoded_again_and_reported(
    spoil: Callable[[Path], None], folder: Path, key: CacheKey, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(file(folder))
    decode = Decoder(PIXELS)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(DiskCache(folder).window(key, FULL, decode), PIXELS)
    (record,) = caplog.records
    assert f"cached pixels of {key.source}" in record.getMessage()
    assert "decoded again" in record.getMessage()
    again = Decoder(PIXELS)
    np.testing.assert_array_equal(DiskCache(folder).window(key, FULL, again), PIXELS)
    assert (decode.calls, again.calls) == (1, 0)


@pytest.mark.parametrize("pixels", [PIXELS, MASK], ids=["photograph", "mask"])
def test_a_header_of_other_types_is_made_again(pixels: NDArray[np.uint8], tmp_path: Path, key: CacheKey) -> None:
    key, cache = CacheKey(key.source, pixels.shape), tmp_path / "cache"
    for count, changes in enumerate(_HEADERS):
        DiskCache(cache).window(key, FULL, Decoder(pixels))
        _rewrite(file(cache), **changes)
        assert len(info(cache)) == 1
        decode = Decoder(pixels)
        if count % 2 and pixels is MASK:
            np.testing.assert_array_equal(
                DiskCache(cache).counts(key, decode), np.bincount(MASK.ravel(), minlength=256)
            )
        else:
            np.testing.assert_array_equal(DiskCache(cache).window(key, FULL, decode), pixels)
        assert decode.calls == 1, changes


@pytest.mark.parametrize("text", [b"[" * 4096, b'{"version":' * 400, b"\xff" * 4096, b"1" * 4096, b"null", b"NaN"])
def test_a_header_that_is_no_header_is_made_again(text: bytes, folder: Path, key: CacheKey) -> None:
    file(folder).write_bytes(text.ljust(4096) + file(folder).read_bytes()[4096:])
    assert [row.folder for row in info(folder)] == [folder]
    decode = Decoder(PIXELS)
    np.testing.assert_array_equal(DiskCache(folder).window(key, FULL, decode), PIXELS)
    assert decode.calls == 1


@pytest.mark.parametrize("value", [0, 5, 300])
def test_counts_of_a_changed_header_are_counted_again(value: int, tmp_path: Path) -> None:
    source, expected = tmp_path / "a", np.bincount(MASK.ravel(), minlength=256)
    source.write_bytes(b"x")
    key = CacheKey(source, MASK.shape)
    DiskCache(tmp_path / "cache").counts(key, Decoder(MASK))
    counts = json.loads(file(tmp_path / "cache").read_bytes()[:4096])["counts"]
    _rewrite(file(tmp_path / "cache"), counts=[[value, counts[0][1] + 1], *counts[1:]])
    np.testing.assert_array_equal(DiskCache(tmp_path / "cache").counts(key, Decoder(MASK)), expected)


def test_a_pipe_or_a_folder_in_the_place_of_a_file_stops_nothing(folder: Path, key: CacheKey) -> None:
    path = file(folder)
    for make in (os.mkfifo, os.mkdir):
        path.unlink()
        make(path)
        np.testing.assert_array_equal(DiskCache(folder).window(key, FULL, Decoder(PIXELS)), PIXELS)


def test_halves_of_killed_processes_are_removed_and_those_in_use_stay(folder: Path, key: CacheKey) -> None:
    (folder / f".x.0123abcd.part{SUFFIX}").write_bytes(b"half")
    with atomic_write(folder / f"other{SUFFIX}") as partial:
        DiskCache(folder).reserve([key])
        assert sorted(path.name for path in folder.iterdir()) == sorted([file(folder, key).name, partial.name])


def test_only_damage_inside_the_window_matters(folder: Path, key: CacheKey) -> None:
    content = bytearray(file(folder).read_bytes())
    content[4096 + 60 * 90 * 3] ^= 1  # in row 60
    file(folder).write_bytes(content)
    decode = Decoder(PIXELS)
    cache = DiskCache(folder)
    np.testing.assert_array_equal(cache.window(key, Window(0, 0, 50, 90), decode), PIXELS[:50])
    assert decode.calls == 0
    np.testing.assert_array_equal(cache.window(key, Window(40, 0, 30, 90), decode), PIXELS[40:])
    assert decode.calls == 1


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_a_file_of_another_version_is_decoded_again(
    version: int, folder: Path, key: CacheKey, caplog: pytest.LogCaptureFixture
) -> None:
    _rewrite(file(folder), version=version)
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
    assert not file(tmp_path / "cache").name.startswith(".")


def test_counts_are_read_from_the_header(tmp_path: Path, key: CacheKey) -> None:
    mask, expected = CacheKey(key.source, MASK.shape, "mask"), np.bincount(MASK.ravel(), minlength=256)
    first, second = Decoder(MASK), Decoder(MASK)
    (tmp_path / "cache").mkdir()
    np.testing.assert_array_equal(DiskCache(tmp_path / "cache").counts(mask, first), expected)
    np.testing.assert_array_equal(DiskCache(tmp_path / "cache").counts(mask, second), expected)
    assert (first.calls, second.calls) == (1, 0)
    key.source.write_bytes(b"changed")
    np.testing.assert_array_equal(DiskCache(tmp_path / "cache").counts(mask, Decoder(MASK // 2)).sum(), MASK.size)


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


def test_a_window_loads_only_its_own_rows(tmp_path: Path, key: CacheKey) -> None:
    tall = CacheKey(key.source, (20_000, 1000, 3), "area")
    cache = DiskCache(tmp_path / "cache")
    cache.reserve([tall])
    cache.window(tall, Window(0, 0, 1, 1), lambda: np.ones(tall.shape, np.uint8))
    before = psutil.Process().memory_info().rss
    for top in range(0, 20_000, 2000):
        assert cache.window(tall, Window(top, 0, 10, 1000), Decoder(PIXELS)).all()
    assert psutil.Process().memory_info().rss - before < 20e6  # of 60 MB


def test_the_default_folder_is_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGDRONE_CACHE", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
    monkeypatch.delenv("SEGDRONE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder().is_relative_to(tmp_path)


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
