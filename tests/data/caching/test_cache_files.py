"""Files of a disk cache, listed and removed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.data.caching.cache import CacheKey
from segdrone.data.caching.cache_files import CachedFolder, clear, info, print_info
from segdrone.data.caching.disk_cache import SUFFIX, DiskCache
from segdrone.windows import Window
from tests.helpers.cached_pixels import PIXELS, Decoder


def cache_pixels(folder: Path, source: Path, shape: tuple[int, ...], pixels: NDArray[np.uint8]) -> None:
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(b"x")
    cache = DiskCache(folder)
    cache.window(CacheKey(source, shape), Window(0, 0, 1, 1), Decoder(pixels))


def test_info_lists_each_folder(tmp_path: Path) -> None:
    cache, one, two = tmp_path / "cache", tmp_path / "one", tmp_path / "two"
    assert info(cache) == []
    for source in (one / "a.jpg", one / "b.jpg", two / "a.png"):
        cache_pixels(cache, source, PIXELS.shape, PIXELS)
    (one / "b.jpg").unlink()
    size = 4096 + PIXELS.size
    assert info(cache) == [CachedFolder(one, 2, 2 * size, 1), CachedFolder(two, 1, size, 0)]


def test_clear_removes_only_the_files_of_the_cache(tmp_path: Path) -> None:
    cache, one, two = tmp_path / "cache", tmp_path / "one", tmp_path / "two"
    for source in (one / "deep" / "a.jpg", two / "a.png"):
        cache_pixels(cache, source, PIXELS.shape, PIXELS)
    (cache / "notes.txt").write_text("mine")
    (cache / f".left.1.part{SUFFIX}").write_bytes(b"half")  # by a killed process
    assert clear(cache, one) == (1, 4096 + PIXELS.size)
    assert [content.folder for content in info(cache)] == [cache, two]
    assert clear(cache) == (2, 4096 + PIXELS.size + 4)
    assert [path.name for path in cache.iterdir()] == ["notes.txt"]
    assert clear(cache) == (0, 0)
    assert (two / "a.png").exists()


def test_photographs_that_links_lead_to_are_of_the_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache, elsewhere, root = tmp_path / "cache", tmp_path / "elsewhere", tmp_path / "root"
    for name in ("images/a.jpg", "masks/a.png", "masks/b.png"):
        cache_pixels(cache, elsewhere / name, PIXELS.shape, PIXELS)
    (root / "masks").mkdir(parents=True)
    (root / "images").symlink_to(elsewhere / "images")
    (root / "masks" / "a.png").symlink_to(elsewhere / "masks" / "a.png")
    assert [(row.folder.name, row.files) for row in info(cache, root)] == [("images", 1), ("masks", 1)]
    assert clear(cache, root)[0] == 2
    assert [(row.folder.name, row.files) for row in info(cache)] == [("masks", 1)]
    print_info(cache, info(cache, root), root)
    assert capsys.readouterr().out == f"the cache in {cache} holds nothing of {root}\n"


def test_the_listing_has_a_row_per_folder_and_a_total(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"
    print_info(cache, info(cache))
    assert capsys.readouterr().out == f"the cache in {cache} is empty\n"
    cache_pixels(cache, tmp_path / "a.jpg", PIXELS.shape, PIXELS)
    print_info(cache, info(cache))
    assert "source missing" in (text := capsys.readouterr().out)
    assert f"0.0 MB in {cache}; " in text.replace("\n", "")
