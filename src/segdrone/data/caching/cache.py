"""Keep decoded pixels in memory, so that each file is decoded once."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.pixels import count_values
from segdrone.utils.digest import MISSING, file_state
from segdrone.windows import Window

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Decode = Callable[[], Pixels]


@dataclass(frozen=True)
class CacheKey:
    """A photograph or mask at one size.

    Attributes:
        source: File that it is decoded from, an absolute path.
        shape: Shape of the decoded pixels: `(H, W, 3)` or `(H, W)`.
        variant: What else the pixels depend on: interpolation, encoding of the mask.
    """

    source: Path
    shape: tuple[int, ...]
    variant: str = ""

    @property
    def nbytes(self) -> int:
        """Size of the pixels in bytes."""
        return math.prod(self.shape)

    @cached_property
    def name(self) -> str:
        """File name without suffix, the same in every run that needs these pixels."""
        key = json.dumps([str(self.source), self.shape, self.variant])
        return hashlib.sha256(key.encode()).hexdigest()[:32]


class Cache(ABC):
    """Pixels by key and window, decoded on first use."""

    @abstractmethod
    def window(self, key: CacheKey, window: Window, decode: Decode, step: int = 1) -> Pixels:
        """Returns a copy of the part of `window` that is inside the image, every `step`-th row and column.

        Args:
            key: What to read.
            window: Rows and columns, in pixels.
            decode: Returns all pixels, uint8 of shape `key.shape`.
            step: 1 for all pixels.
        """

    def counts(self, key: CacheKey, decode: Decode) -> NDArray[np.int64]:
        """Returns the number of pixels of each value of a mask: int64 `[256]`."""
        return count_values(self.window(key, Window(0, 0, *key.shape[:2]), decode))

    def derived(self, key: CacheKey, compute: Decode) -> Pixels:
        """Returns what was computed from a file, uint8 of shape `key.shape`; only a cache on disk keeps it.

        It must be small: no room is reserved for it.
        """
        return compute()


class NoCache(Cache):
    """Keeps only the last pixels of each variant, since tiles of one photograph often follow one another."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[CacheKey, list[int], Pixels]] = {}  # by variant

    def window(self, key: CacheKey, window: Window, decode: Decode, step: int = 1) -> Pixels:  # noqa: D102
        state = file_state(key.source)
        last = self._last.get(key.variant)
        if last is None or last[:2] != (key, state):
            last = self._last[key.variant] = (key, state, decode())
        return crop(last[2], window, step)


class MemoryCache(Cache):
    """Keeps all pixels in memory, once for a process and all its workers.

    Args:
        keys: All keys that will be read.
        shared: Whether worker processes read from it.
        copies: Number of processes on this machine that keep the same pixels.

    Raises:
        DataError: There is not enough free memory.
    """

    def __init__(self, keys: Iterable[CacheKey], *, shared: bool, copies: int = 1) -> None:
        self._starts: dict[CacheKey, int] = {}
        total = 0
        for key in keys:
            if key not in self._starts:
                self._starts[key] = total
                total += key.nbytes
        free = psutil.virtual_memory().available
        if shared and Path("/dev/shm").is_dir():  # Linux keeps shared memory there
            free = min(free, shutil.disk_usage("/dev/shm").free)
        if copies * total > free:
            raise DataError(
                f"data.cache=memory needs {format_bytes(copies * total)}, but {format_bytes(free)} are free"
                f"{' in /dev/shm' if shared else ''}: give data.cache=disk"
            )
        self._pixels = torch.empty(total, dtype=torch.uint8)
        self._states = torch.zeros(len(self._starts), len(MISSING), dtype=torch.int64)
        if shared:
            self._pixels.share_memory_()
            self._states.share_memory_()
        self._indices = {key: index for index, key in enumerate(self._starts)}

    def window(self, key: CacheKey, window: Window, decode: Decode, step: int = 1) -> Pixels:  # noqa: D102
        start, index, state = self._starts[key], self._indices[key], file_state(key.source)
        pixels = self._pixels[start : start + key.nbytes].numpy().reshape(key.shape)
        cached_state = self._states[index].tolist()
        if cached_state != state or state == MISSING:
            if cached_state != MISSING:
                log.warning("%s has changed: it is decoded again", key.source)
            pixels[:] = decode()
            self._states[index] = torch.tensor(state)  # last, so that a reader who sees it finds the pixels
        return crop(pixels, window, step)


def crop(pixels: Pixels, window: Window, step: int) -> Pixels:
    """Returns a copy of every `step`-th row and column of a window."""
    return np.array(pixels[window.rows, window.columns][::step, ::step])


def format_bytes(size: int) -> str:
    """Returns a number of bytes as text.

    Example:
        >>> format_bytes(1_300_000), format_bytes(1_300_000_000)
        ('1.3 MB', '1.3 GB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.1f} MB"
