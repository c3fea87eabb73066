"""A disk cache with one entry, to be changed and read."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
from benchmarks.torture.change_trees import change_tree
from numpy.typing import NDArray
from PIL import Image

from segdrone.data.caching.cache import CacheKey
from segdrone.data.caching.disk_cache import DiskCache
from segdrone.windows import Window

_HEADER = 4096
_SHAPE = (48, 64)


def write_cached(folder: Path, rng: random.Random) -> Path:
    """Writes a source and its cache entry; returns the file of the entry."""
    pixels = np.random.default_rng(rng.randrange(1 << 30)).integers(0, 9, _SHAPE, dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "m.png")
    read_cached(folder / "cache" / "x")
    return next((folder / "cache").iterdir())


def read_cached(entry: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Returns pixels as the cache of an entry has them, and as the source has them."""
    source = entry.parent.parent / "m.png"
    pixels = np.asarray(Image.open(source))
    cache, key = DiskCache(entry.parent), CacheKey(source, _SHAPE, "ids")
    cache.counts(key, lambda: pixels.copy())
    return cache.window(key, Window(0, 0, *_SHAPE), lambda: pixels.copy()), pixels


def change_header(content: bytes, rng: random.Random) -> bytes:
    """Changes the JSON before the pixels."""
    header = change_tree(json.loads(content[:_HEADER]), rng)
    return json.dumps(header).encode()[:_HEADER].ljust(_HEADER) + content[_HEADER:]
