"""Decode once and keep the pixels: what is kept, in memory or only the last ones."""

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
from segdrone.windows import Window

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Decode = Callable[[], Pixels]


@dataclass(frozen=True)
class CacheKey:
    """One photograph or mask at one size.

    Attributes:
        source: The file that it is decoded from, absolute.
        shape: Of the decoded pixels: `(H, W, 3)` or `(H, W)`.
        how: What else the pixels depend on: interpolation, encoding of labels.
    """

    source: Path
    shape: tuple[int, ...]
    how: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return math.prod(self.shape)

    @cached_property
    def name(self) -> str:
        """A name for a file: the same for every run that needs these pixels."""
        key = json.dumps([str(self.source), self.shape, self.how])
        return hashlib.sha256(key.encode()).hexdigest()[:32]

    @property
    def stamp(self) -> list[int]:
        """Size in bytes and time of change, in ns, of the source as it is now; zeros if it is gone."""
        try:
            state = self.source.stat()
        except OSError:
            return [0, 0]  # whatever was kept is stale, and decoding says that the file is gone
        return [state.st_size, state.st_mtime_ns]


class Cache(ABC):
    """Pixels of entries, by window; decoded on first use."""

    @abstractmethod
    def window(self, entry: CacheKey, window: Window, decode: Decode, step: int = 1) -> Pixels:
        """Returns a copy of the part of `window` that lies within the entry, every `step`-th row and column.

        Args:
            entry: What to read.
            window: Which rows and columns, in pixels.
            decode: Makes the whole entry, uint8 of `entry.shape`.
            step: 1 for all pixels.
        """

    def counts(self, entry: CacheKey, decode: Decode) -> NDArray[np.int64]:
        """Returns the pixels of each value of a mask: int64 `[256]`."""
        return count_values(self.window(entry, Window(0, 0, *entry.shape[:2]), decode))


class NoCache(Cache):
    """Keeps the last photograph and the last mask, since the tiles of one often follow one another."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[CacheKey, list[int], Pixels]] = {}  # by number of dimensions

    def window(self, entry: CacheKey, window: Window, decode: Decode, step: int = 1) -> Pixels:  # noqa: D102
        stamp = entry.stamp
        last = self._last.get(len(entry.shape))
        if last is None or last[:2] != (entry, stamp):
            last = self._last[len(entry.shape)] = (entry, stamp, decode())
        return crop(last[2], window, step)


class MemoryCache(Cache):
    """Keeps everything in memory, one copy for a process and all its workers.

    Args:
        entries: All that will be asked for.
        shared: Whether worker processes will read.
        copies: Processes on this machine that keep as much, each for itself.

    Raises:
        DataError: The memory is not free.
    """

    def __init__(self, entries: Iterable[CacheKey], *, shared: bool, copies: int = 1) -> None:
        self._starts: dict[CacheKey, int] = {}
        total = 0
        for entry in entries:
            if entry not in self._starts:
                self._starts[entry] = total
                total += entry.nbytes
        free = psutil.virtual_memory().available
        if shared and Path("/dev/shm").is_dir():  # where shared memory lies on Linux
            free = min(free, shutil.disk_usage("/dev/shm").free)
        if copies * total > free:
            raise DataError(
                f"data.cache=memory needs {format_bytes(copies * total)}, where {format_bytes(free)} are free"
                f"{' in /dev/shm' if shared else ''}: give data.cache=disk"
            )
        self._pixels = torch.empty(total, dtype=torch.uint8)
        self._stamps = torch.zeros(len(self._starts), 2, dtype=torch.int64)
        if shared:
            self._pixels.share_memory_()  # type: ignore[no-untyped-call]
            self._stamps.share_memory_()  # type: ignore[no-untyped-call]
        self._places = {entry: place for place, entry in enumerate(self._starts)}

    def window(self, entry: CacheKey, window: Window, decode: Decode, step: int = 1) -> Pixels:  # noqa: D102
        start, place, stamp = self._starts[entry], self._places[entry], entry.stamp
        pixels = self._pixels[start : start + entry.nbytes].numpy().reshape(entry.shape)
        kept = self._stamps[place].tolist()
        if kept != stamp or stamp == [0, 0]:
            if kept != [0, 0]:
                log.warning("%s was changed: it is decoded again", entry.source)
            pixels[:] = decode()
            self._stamps[place] = torch.tensor(stamp)  # last: who reads it finds the pixels there
        return crop(pixels, window, step)


def crop(pixels: Pixels, window: Window, step: int) -> Pixels:
    """Returns a copy of every `step`-th row and column of a window."""
    return np.array(pixels[window.rows, window.columns][::step, ::step])


def format_bytes(size: int) -> str:
    """Returns bytes as people read them."""
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.1f} MB"
