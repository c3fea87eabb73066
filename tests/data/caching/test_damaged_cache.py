"""Damaged files of the cache on disk: decoded again, never believed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.data.caching.cache import CacheKey
from segdrone.data.caching.cache_files import info
from segdrone.data.caching.disk_cache import DiskCache
from segdrone.windows import Window
from tests.helpers.cached_pixels import FULL, MASK, PIXELS, Decoder, cached_file, rewrite_header


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
    rewrite_header(path, shape=[90, 70, 3])


@pytest.mark.parametrize("spoil", [_shorten, _empty, _text, _lengthen, _flip, _zeros, _other_shape])
def test_a_damaged_file_is_decoded_again_and_reported(
    spoil: Callable[[Path], None], folder: Path, key: CacheKey, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(cached_file(folder))
    decode = Decoder(PIXELS)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(DiskCache(folder).window(key, FULL, decode), PIXELS)
    (record,) = caplog.records
    assert f"cached pixels of {key.source}" in record.getMessage()
    assert "decoded again" in record.getMessage()
    again = Decoder(PIXELS)
    np.testing.assert_array_equal(DiskCache(folder).window(key, FULL, again), PIXELS)
    assert (decode.calls, again.calls) == (1, 0)


def test_outdated_files_are_told_of_once(folder: Path, key: CacheKey, caplog: pytest.LogCaptureFixture) -> None:
    cache = DiskCache(folder)
    with caplog.at_level(logging.INFO):
        for version in (7, 8):
            rewrite_header(cached_file(folder), version=version)
            np.testing.assert_array_equal(cache.window(key, FULL, Decoder(PIXELS)), PIXELS)
    (record,) = caplog.records
    assert "another version of segdrone" in record.getMessage()


_HEADERS: list[dict[str, object]] = [
    {"crc32": 5}, {"crc32": None}, {"crc32": ["x"]}, {"crc32": []}, {"crc32": [[]] * 64}, {"crc32": {"0": 1}},
    {"shape": 5}, {"shape": None}, {"shape": [1e9]}, {"shape": [True, 70, 90, 3]}, {"shape": [-70, -90, 3]},
    {"shape": [10**40, 0, 3]}, {"shape": []}, {"shape": "70"}, {"stamp": None}, {"stamp": 7}, {"stamp": ["a", [], {}]},
    {"source": 5}, {"source": None}, {"source": ["a"]}, {"version": None}, {"version": [1]}, {"version": "1"},
    {"counts": 5}, {"counts": [5]}, {"counts": [[0, 1, 2]]}, {"counts": [[-1, 6300]]}, {"counts": [["a", None]]},
]  # fmt: skip


@pytest.mark.parametrize("pixels", [PIXELS, MASK], ids=["photograph", "mask"])
def test_a_header_of_other_types_is_made_again(pixels: NDArray[np.uint8], tmp_path: Path, key: CacheKey) -> None:
    key, cache = CacheKey(key.source, pixels.shape), tmp_path / "cache"
    for count, changes in enumerate(_HEADERS):
        DiskCache(cache).window(key, FULL, Decoder(pixels))
        rewrite_header(cached_file(cache), **changes)
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
    cached_file(folder).write_bytes(text.ljust(4096) + cached_file(folder).read_bytes()[4096:])
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
    counts = json.loads(cached_file(tmp_path / "cache").read_bytes()[:4096])["counts"]
    rewrite_header(cached_file(tmp_path / "cache"), counts=[[value, counts[0][1] + 1], *counts[1:]])
    np.testing.assert_array_equal(DiskCache(tmp_path / "cache").counts(key, Decoder(MASK)), expected)


def test_a_pipe_or_a_folder_in_the_place_of_a_file_stops_nothing(folder: Path, key: CacheKey) -> None:
    path = cached_file(folder)
    for make in (os.mkfifo, os.mkdir):
        path.unlink()
        make(path)
        np.testing.assert_array_equal(DiskCache(folder).window(key, FULL, Decoder(PIXELS)), PIXELS)


def test_only_damage_inside_the_window_matters(folder: Path, key: CacheKey) -> None:
    content = bytearray(cached_file(folder).read_bytes())
    content[4096 + 60 * 90 * 3] ^= 1  # in row 60
    cached_file(folder).write_bytes(content)
    decode = Decoder(PIXELS)
    cache = DiskCache(folder)
    np.testing.assert_array_equal(cache.window(key, Window(0, 0, 50, 90), decode), PIXELS[:50])
    assert decode.calls == 0
    np.testing.assert_array_equal(cache.window(key, Window(40, 0, 30, 90), decode), PIXELS[40:])
    assert decode.calls == 1
