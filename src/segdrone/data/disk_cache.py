"""Keep decoded pixels on disk, mapped into memory; tell what is kept, and remove it."""

from __future__ import annotations

import json
import logging
import math
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import platformdirs
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Column, Table

from segdrone.data.cache import Cache, CacheKey, Decode, Pixels, crop, format_bytes
from segdrone.errors import DataError
from segdrone.raster.pixels import count_values
from segdrone.utils.atomic import atomic_write
from segdrone.windows import Window

log = logging.getLogger(__name__)

VERSION = 1
SUFFIX = ".pixels"

_HEADER = 4096  # bytes before the pixels, a page: JSON, padded
_BLOCKS = 64  # checksums in it, each of as many rows


def default_folder() -> Path:
    """Returns where the pixels are kept: `$SEGDRONE_CACHE`, else the user's cache folder of the system."""
    return Path(os.environ.get("SEGDRONE_CACHE") or platformdirs.user_cache_path("segdrone")).absolute()


class _Unfit(Exception):
    """Why a file of the cache cannot be used."""


@dataclass
class DiskCache(Cache):
    """Keeps pixels in files, one for each entry, that any number of processes read and write at once.

    A file is a header of 4096 bytes, JSON, and the pixels as they lie in memory, which are mapped: a
    window reads its own rows from disk. The header names the source with size and time of change, so
    that a changed photograph is decoded again, and holds checksums of blocks of rows, each compared
    when a process first reads the block. Files are written aside and renamed.

    Args:
        folder: Where they lie.
    """

    folder: Path
    _checked: dict[str, tuple[list[int], set[int]]] = field(default_factory=dict, init=False)
    _writable: bool = field(default=True, init=False)

    def window(self, entry: CacheKey, window: Window, decode: Decode, step: int = 1) -> Pixels:  # noqa: D102
        stamp = entry.stamp
        try:
            return self._read(entry, stamp, window, step)
        except FileNotFoundError:
            pass
        except (_Unfit, OSError) as error:
            log.warning("cached pixels of %s: %s; they are made again", entry.source, error)
        pixels = decode()
        self._write(entry, stamp, pixels)
        return crop(pixels, window, step)

    def counts(self, entry: CacheKey, decode: Decode) -> NDArray[np.int64]:
        """Returns the pixels of each value of a mask, int64 `[256]`, from the header alone if it is there."""
        for _ in range(2):
            try:
                with self._path(entry).open("rb") as file:
                    header = _header(file)
                _refuse_unfit(header, entry, entry.stamp)
                counts = np.zeros(256, np.int64)
                counts[[value for value, _ in header["counts"]]] = [n for _, n in header["counts"]]
                return counts
            except (_Unfit, OSError):
                self.window(entry, Window(0, 0, 1, 1), decode)  # makes the file
        return super().counts(entry, decode)

    def reserve(self, entries: Iterable[CacheKey]) -> None:
        """Makes sure that the folder can be written, and has room for what is missing.

        Raises:
            DataError: It cannot, or has not.
        """
        remedy = "give data.cache_dir=FOLDER elsewhere, or data.cache=none"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise DataError(f"the cache folder {self.folder} cannot be written ({error.strerror}): {remedy}") from None
        missing = {entry for entry in entries if not self._path(entry).exists()}
        need, free = sum(_HEADER + entry.nbytes for entry in missing), shutil.disk_usage(self.folder).free
        if need > free:
            raise DataError(
                f"the cache needs {format_bytes(need)} in {self.folder}, where {format_bytes(free)} are free: free "
                f"some (segdrone data cache --info), {remedy}"
            )
        if missing:
            log.info("pixels are kept in %s: %s more when all are read", self.folder, format_bytes(need))

    def _path(self, entry: CacheKey) -> Path:
        return self.folder / f"{entry.name}{SUFFIX}"

    def _read(self, entry: CacheKey, stamp: list[int], window: Window, step: int) -> Pixels:
        with self._path(entry).open("rb") as file:
            header = _header(file)
            _refuse_unfit(header, entry, stamp)
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        pixels = np.frombuffer(pages, np.uint8, entry.nbytes, _HEADER).reshape(entry.shape)
        self._check(pixels, header["crc32"], window, entry.name)
        return crop(pixels, window, step)

    def _check(self, pixels: Pixels, checksums: list[int], window: Window, name: str) -> None:
        known, good = self._checked.get(name, (None, set()))
        if known != checksums:
            good = set()
            self._checked[name] = (checksums, good)
        rows = _block_rows(len(pixels))
        for block in range(window.top // rows, math.ceil(min(window.rows.stop, len(pixels)) / rows)):
            if block not in good:
                if zlib.crc32(pixels[block * rows : (block + 1) * rows].data) != checksums[block]:
                    raise _Unfit("damaged")
                good.add(block)

    def _write(self, entry: CacheKey, stamp: list[int], pixels: Pixels) -> None:
        if not self._writable:
            return
        pixels = np.ascontiguousarray(pixels)
        rows = _block_rows(len(pixels))
        header: dict[str, Any] = {
            "version": VERSION,
            "source": str(entry.source),
            "stamp": stamp,
            "shape": entry.shape,
            "crc32": [zlib.crc32(pixels[top : top + rows].data) for top in range(0, len(pixels), rows)],
        }
        if pixels.ndim == 2:
            counts = count_values(pixels)
            header["counts"] = [[int(value), int(counts[value])] for value in np.flatnonzero(counts)]
        text = json.dumps(header).encode()
        if len(text) > _HEADER:
            return  # a path of thousands of letters, or a mask of hundreds of values: decoded each time
        try:
            with atomic_write(self._path(entry)) as partial, partial.open("wb") as file:
                file.write(text.ljust(_HEADER))
                file.write(pixels.data)
            self._checked[entry.name] = (header["crc32"], {*range(len(header["crc32"]))})
        except FileNotFoundError:  # cleared meanwhile: who reads it next makes it again
            return
        except OSError as error:
            self._writable = False
            log.warning("the cache in %s cannot be written (%s): going on without, slower", self.folder, error.strerror)


def _header(file: BinaryIO) -> dict[str, Any]:
    length = os.fstat(file.fileno()).st_size
    try:
        header = json.loads(file.read(_HEADER))
        version, shape = header["version"], header["shape"]
        if version == VERSION and length != _HEADER + math.prod(shape):
            raise _Unfit("cut short")
    except (ValueError, KeyError, TypeError):
        raise _Unfit("damaged") from None
    if version != VERSION:
        raise _Unfit("kept by another version of segdrone")
    return dict(header)


def _refuse_unfit(header: dict[str, Any], entry: CacheKey, stamp: list[int]) -> None:
    if header.get("stamp") != stamp:
        raise _Unfit("the file has been changed since")
    if tuple(header["shape"]) != entry.shape or len(header.get("crc32", ())) != _blocks(entry.shape[0]):
        raise _Unfit("damaged")


def _block_rows(height: int) -> int:
    return math.ceil(height / _BLOCKS)


def _blocks(height: int) -> int:
    return math.ceil(height / _block_rows(height))


@dataclass(frozen=True)
class Kept:
    """What a disk cache holds of one folder of photographs or masks."""

    folder: Path
    files: int
    nbytes: int
    gone: int
    """Files whose photograph or mask is not there any more."""


def info(folder: Path, below: Path | None = None) -> list[Kept]:
    """Tells what lies in a disk cache, by the folder that it was decoded from; empty where there is none.

    Args:
        folder: The cache.
        below: Only what was decoded from files below this folder.
    """
    found: dict[Path, list[tuple[int, bool]]] = {}
    for path, source in _files(folder, below):
        gone = source is None or not source.exists()
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # cleared meanwhile
            continue
        found.setdefault(source.parent if source else folder, []).append((size, gone))
    return [
        Kept(where, len(files), sum(size for size, _ in files), sum(gone for _, gone in files))
        for where, files in sorted(found.items())
    ]


def print_info(folder: Path, kept: Sequence[Kept]) -> None:
    """Prints what `info` tells."""
    total = sum(one.nbytes for one in kept)
    if not kept:
        print(f"nothing is kept in {folder}")
        return
    table = Table(Column("decoded from", overflow="fold"), "files", "size", "of files that are gone")
    for one in kept:
        table.add_row(str(one.folder), f"{one.files:>5}", f"{format_bytes(one.nbytes):>8}", f"{one.gone:>22}")
    Console().print(table)
    print(f"{format_bytes(total)} in {folder}; {format_bytes(shutil.disk_usage(folder).free)} are free there")


def clear(folder: Path, below: Path | None = None) -> tuple[int, int]:
    """Removes the files of a disk cache, and nothing else in its folder.

    Args:
        folder: The cache.
        below: Only what was decoded from files below this folder.

    Returns:
        Number and bytes of the files removed.

    Raises:
        DataError: A file cannot be removed.
    """
    files = nbytes = 0
    for path, _ in _files(folder, below):
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:  # another process was quicker
            continue
        except OSError as error:
            raise DataError(f"{path} cannot be removed ({error.strerror}): mend its permissions") from None
        files, nbytes = files + 1, nbytes + size
    return files, nbytes


def _files(folder: Path, below: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """The cache's files, and what killed processes left of some, with what each was decoded from."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        source = _source(path)
        if below is None or (source is not None and source.is_relative_to(below.resolve())):
            yield path, source


def _source(path: Path) -> Path | None:
    try:
        with path.open("rb") as file:
            return Path(_header(file)["source"])
    except (_Unfit, OSError, KeyError):
        return None
