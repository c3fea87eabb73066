"""Pixels for the tests of the cache, and the files that hold them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.data.caching.cache import CacheKey
from segdrone.data.caching.disk_cache import SUFFIX
from segdrone.windows import Window

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
MASK = np.random.default_rng(1).integers(0, 23, (70, 90), dtype=np.uint8)
FULL = Window(0, 0, 70, 90)


class Decoder:
    """Returns pixels, and counts its calls."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels, self.calls = pixels, 0

    def __call__(self) -> NDArray[np.uint8]:
        self.calls += 1
        return self.pixels


def cached_file(folder: Path, key: CacheKey | None = None) -> Path:
    (path,) = folder.glob(f"{key.name if key else '*'}{SUFFIX}")
    return path


def rewrite_header(path: Path, **changes: object) -> None:
    content = path.read_bytes()
    header = json.loads(content[:4096]) | changes
    path.write_bytes(json.dumps(header).encode().ljust(4096) + content[4096:])
