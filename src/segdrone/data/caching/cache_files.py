"""List and remove the files of a disk cache."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from segdrone.data.caching.cache import format_bytes
from segdrone.data.caching.disk_cache import SUFFIX, UnusableFileError, read_header
from segdrone.data.discovery.file_tree import image_files
from segdrone.errors import DataError
from segdrone.utils.regular_file import open_regular


@dataclass(frozen=True)
class CachedFolder:
    """The part of a disk cache that belongs to one folder of photographs or masks.

    Attributes:
        folder: Folder of the source files.
        files: Number of cache files.
        nbytes: Their size in bytes.
        missing: Number of cache files whose source no longer exists.
    """

    folder: Path
    files: int
    nbytes: int
    missing: int


def info(folder: Path, below: Path | None = None) -> list[CachedFolder]:
    """Lists the content of a disk cache by folder of the source files; empty without a cache.

    Args:
        folder: The cache.
        below: Restricts to source files below this folder, and those that links in it lead to.
    """
    by_folder: dict[Path, list[tuple[int, bool]]] = {}
    for path, source in _files(folder, below):
        missing = source is None or not source.exists()
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # cleared in the meantime
            continue
        by_folder.setdefault(source.parent if source else folder, []).append((size, missing))
    return [
        CachedFolder(where, len(files), sum(size for size, _ in files), sum(missing for _, missing in files))
        for where, files in sorted(by_folder.items())
    ]


def print_info(folder: Path, content: Sequence[CachedFolder], below: Path | None = None) -> None:
    """Prints what `info` returns for a folder and `below`."""
    total = sum(row.nbytes for row in content)
    if not content:
        print(f"the cache in {folder} {'is empty' if below is None else f'holds nothing of {below}'}")
        return
    table = Table(Column("decoded from", overflow="fold"), "files", "size", "source missing")
    for row in content:
        table.add_row(Text(str(row.folder)), f"{row.files:>5}", f"{format_bytes(row.nbytes):>8}", f"{row.missing:>14}")
    Console().print(table)
    print(f"{format_bytes(total)} in {folder}; {format_bytes(shutil.disk_usage(folder).free)} are free there")


def clear(folder: Path, below: Path | None = None) -> tuple[int, int]:
    """Removes the files of a disk cache, and nothing else in its folder.

    Args:
        folder: The cache.
        below: Restricts to source files below this folder, and those that links in it lead to.

    Returns:
        Number and size in bytes of the removed files.

    Raises:
        DataError: A file cannot be removed.
    """
    files = nbytes = 0
    for path, _ in _files(folder, below):
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:  # another process removed it
            continue
        except OSError as error:
            raise DataError(f"{path} cannot be removed ({error.strerror}): fix its permissions") from None
        files, nbytes = files + 1, nbytes + size
    return files, nbytes


def _files(folder: Path, below: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """The files of a cache, and partial ones that killed processes left, each with its source."""
    linked = set() if below is None else {(below / file).resolve() for file in image_files(below)}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        source = _source(path)
        if below is None or (source is not None and (source in linked or source.is_relative_to(below.resolve()))):
            yield path, source


def _source(path: Path) -> Path | None:
    try:
        with open_regular(path) as file:
            return Path(read_header(file).source)
    except (UnusableFileError, OSError):
        return None
