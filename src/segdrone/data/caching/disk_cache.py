"""Keep decoded pixels in files that are mapped into memory."""

from __future__ import annotations

import json
import logging
import math
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.data.caching.cache import Cache, CacheKey, Decode, Pixels, crop, format_bytes
from segdrone.errors import DataError
from segdrone.raster.pixels import count_values
from segdrone.utils.atomic import atomic_write, remove_stale_partials
from segdrone.utils.bounded import parse_json
from segdrone.utils.digest import file_state
from segdrone.utils.regular_file import open_regular
from segdrone.windows import Window

log = logging.getLogger(__name__)

VERSION = 1
SUFFIX = ".pixels"

_HEADER = 4096  # bytes before the pixels: one page of JSON, padded
_BLOCKS = 64  # checksums in the header, each of as many rows


class UnusableFileError(Exception):
    """A file of the cache cannot be used; the text says why."""


class OutdatedFileError(UnusableFileError):
    """A file of the cache is intact, but was written for other pixels or by another version."""


class Header(NamedTuple):
    """What a file of the cache says of its pixels.

    Attributes:
        source: Path of the file that they were decoded from.
        state: Its `file_state` then.
        shape: Shape of the pixels.
        crc32: Checksums of blocks of rows.
        counts: Number of pixels of each value of a mask; empty for a photograph.
    """

    source: str
    state: list[int]
    shape: list[int]
    crc32: list[int]
    counts: dict[int, int]


@dataclass
class DiskCache(Cache):
    """Keeps pixels in files, one per key, which any number of processes can read and write at the same time.

    A file is a header, 4096 bytes of JSON, followed by the pixels, which are mapped into memory, so that a window reads
    only its rows from disk. The header holds the path of the source and its `file_state`, so that a changed photograph
    is decoded again, and checksums of blocks of rows, each verified when a process first reads the block. Files are
    written under another name and renamed; they are not flushed to disk, since the checksums find what a power cut
    leaves of them.

    Args:
        folder: Folder of the files.
    """

    folder: Path
    _verified: dict[str, tuple[list[int], set[int]]] = field(default_factory=dict, init=False)
    _writable: bool = field(default=True, init=False)
    _outdated: bool = field(default=False, init=False)  # files of this kind were told of

    def window(self, key: CacheKey, window: Window, decode: Decode, step: int = 1) -> Pixels:  # noqa: D102
        state = file_state(key.source)
        try:
            return self._read(key, state, window, step)
        except FileNotFoundError:
            pass
        except OutdatedFileError as error:
            log.log(
                logging.DEBUG if self._outdated else logging.INFO,
                "cached pixels of %s: %s; they are decoded again, as are others like them", key.source, error,
            )  # fmt: skip
            self._outdated = True
        except (UnusableFileError, OSError) as error:
            log.warning("cached pixels of %s: %s; they are decoded again", key.source, error)
        pixels = decode()
        self._write(key, state, pixels)
        return crop(pixels, window, step)

    def counts(self, key: CacheKey, decode: Decode) -> NDArray[np.int64]:
        """Returns the number of pixels of each value of a mask, int64 `[256]`, from the file's header if it exists."""
        for _ in range(2):
            try:
                with open_regular(self._path(key)) as file:
                    header = read_header(file)
                _check_header(header, key, file_state(key.source))
                counts = np.zeros(256, np.int64)
                counts[[*header.counts]] = [*header.counts.values()]
                return counts
            except (UnusableFileError, OSError):
                self.window(key, Window(0, 0, 1, 1), decode)  # writes the file
        return super().counts(key, decode)

    def derived(self, key: CacheKey, compute: Decode) -> Pixels:  # noqa: D102
        return self.window(key, Window(0, 0, *key.shape[:2]), compute)

    def reserve(self, keys: Iterable[CacheKey]) -> None:
        """Checks that the folder can be written and has room for the missing pixels. Unfinished files are removed.

        Raises:
            DataError: It cannot be written, or is too small.
        """
        remedy = "give data.cache_dir=FOLDER elsewhere, or data.cache=none"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise DataError(f"the cache folder {self.folder} cannot be written ({error.strerror}): {remedy}") from None
        remove_stale_partials(self.folder)
        missing = {key for key in keys if not self._path(key).exists()}
        need, free = sum(_HEADER + key.nbytes for key in missing), shutil.disk_usage(self.folder).free
        if need > free:
            raise DataError(
                f"the cache needs {format_bytes(need)} in {self.folder}, but {format_bytes(free)} are free there: free "
                f"some (segdrone data cache --info), {remedy}"
            )
        if missing:
            log.info("decoded pixels are kept in %s: %s more when all are read", self.folder, format_bytes(need))

    def _path(self, key: CacheKey) -> Path:
        return self.folder / f"{key.name}{SUFFIX}"

    def _read(self, key: CacheKey, state: list[int], window: Window, step: int) -> Pixels:
        with open_regular(self._path(key)) as file:
            header = read_header(file)
            _check_header(header, key, state)
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        pixels = np.frombuffer(pages, np.uint8, key.nbytes, _HEADER).reshape(key.shape)
        self._verify(pixels, header.crc32, window, key.name)
        return crop(pixels, window, step)

    def _verify(self, pixels: Pixels, checksums: list[int], window: Window, name: str) -> None:
        checksums_seen, good = self._verified.get(name, (None, set()))
        if checksums_seen != checksums:
            good = set()
            self._verified[name] = (checksums, good)
        rows = _block_rows(len(pixels))
        for block in range(window.top // rows, math.ceil(min(window.rows.stop, len(pixels)) / rows)):
            if block not in good:
                if zlib.crc32(pixels[block * rows : (block + 1) * rows].data) != checksums[block]:
                    raise UnusableFileError("damaged")
                good.add(block)

    def _write(self, key: CacheKey, state: list[int], pixels: Pixels) -> None:
        if not self._writable:
            return
        pixels = np.ascontiguousarray(pixels)
        rows = _block_rows(len(pixels))
        header: dict[str, Any] = {
            "version": VERSION,
            "source": str(key.source),
            "stamp": state,
            "shape": key.shape,
            "crc32": [zlib.crc32(pixels[top : top + rows].data) for top in range(0, len(pixels), rows)],
        }
        if pixels.ndim == 2:
            counts = count_values(pixels)
            header["counts"] = [[int(value), int(counts[value])] for value in np.flatnonzero(counts)]
        text = json.dumps(header).encode()
        if len(text) > _HEADER:
            return  # a path of thousands of characters or a mask of hundreds of values is decoded each time
        try:
            with atomic_write(self._path(key), sync=False) as partial, partial.open("wb") as file:
                file.write(text.ljust(_HEADER))
                file.write(pixels.data)
            self._verified[key.name] = (header["crc32"], {*range(len(header["crc32"]))})
        except FileNotFoundError:  # the cache was cleared meanwhile: the next reader writes the file again
            return
        except OSError as error:
            self._writable = False
            log.warning(
                "the cache in %s cannot be written (%s): continuing without, slower", self.folder, error.strerror
            )


def read_header(file: BinaryIO) -> Header:
    """Returns the header of a cache file. Whoever shares the cache may have written it.

    Raises:
        UnusableFileError: The file is damaged, truncated, or of another version.
    """
    length = os.fstat(file.fileno()).st_size
    try:
        content = parse_json(file.read(_HEADER).decode("ascii"))
        if content["version"] != VERSION:
            raise OutdatedFileError("written by another version of segdrone")
        state, shape, crc32 = (_integers(content[name]) for name in ("stamp", "shape", "crc32"))
        counts = {value: number for value, number in map(_integers, content.get("counts", ()))}
        if type(content["source"]) is not str or not all(0 <= value < 256 for value in counts):
            raise UnusableFileError("damaged")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnusableFileError("damaged") from None
    if length != _HEADER + math.prod(shape):
        raise UnusableFileError("truncated")
    if sum(counts.values()) != (math.prod(shape) if len(shape) == 2 else 0):
        raise UnusableFileError("damaged")
    return Header(content["source"], state, shape, crc32, counts)


def _integers(value: Any) -> list[int]:
    if not isinstance(value, list) or not all(type(number) is int and abs(number) < 2**63 for number in value):
        raise UnusableFileError("damaged")
    return value


def _check_header(header: Header, key: CacheKey, state: list[int]) -> None:
    if header.state != state:
        raise OutdatedFileError("the file has changed since")
    if tuple(header.shape) != key.shape or len(header.crc32) != _blocks(key.shape[0]):
        raise UnusableFileError("damaged")


def _block_rows(height: int) -> int:
    return math.ceil(height / _BLOCKS)


def _blocks(height: int) -> int:
    return math.ceil(height / _block_rows(height))
