"""Write files atomically, and let one process at a time do a job."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from segdrone.errors import DataError

_HAS_FLOCK = os.name != "nt"
if _HAS_FLOCK:
    import fcntl

_MAX_NAME = 255  # bytes of a file name, on nearly all file systems
_MAX_SUFFIX = 40  # characters; those of image formats are shorter
_SYNC_THREADS = 8  # the disk flushes what they wait for together
_MAX_PATH = 4095  # bytes of a path, on Linux
_PARTIAL = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part(\.[^.]*)?")  # name of a file that `atomic_write` has not finished


@contextmanager
def atomic_write(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `path`; at the end, the file written there replaces `path`.

    The folder is created if needed. If the body fails, the temporary file is removed and `path` stays as it was. The
    temporary name keeps the suffix, by which image writers choose the format, and is no longer than 255 bytes. An
    empty file of that name exists before the body, locked while this process lives, so that others do not remove it.

    Args:
        path: The file.
        sync: Flush the file to disk before it is renamed, and the folder afterwards, so that a power cut leaves the
            former file or the whole new one; it costs 1 to 10 ms. False suits files that are verified by a checksum
            when they are read, and many files that `sync_files` flushes together.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_write(folder / "scores.txt") as partial:
        ...     _ = partial.write_text("0.5")
        >>> (folder / "scores.txt").read_text()
        '0.5'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked_partial(path) as partial:
        try:
            yield partial
            if sync:
                _sync(partial)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    if sync:
        sync_dir(path.parent)


def sync_files(paths: Iterable[Path]) -> None:
    """Flushes files and their folders to disk, in several threads, which takes a tenth of the time of one by one."""
    paths = [*paths]
    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        for _ in pool.map(_sync, paths):
            pass
        for _ in pool.map(sync_dir, {path.parent for path in paths}):
            pass


def sync_dir(folder: Path) -> None:
    """Flushes the entries of a folder to disk, such as a rename; without it, a power cut can undo one."""
    if os.name == "nt":  # folders cannot be opened there
        return
    with suppress(OSError):  # file systems that cannot flush folders keep their entries in other ways
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked_partial(path: Path) -> Iterator[Path]:
    """Creates the temporary file of a path, and locks it; the system unlocks it if the process is killed."""
    if not _HAS_FLOCK:
        yield _partial_path(path)
        return
    while True:
        partial = _partial_path(path)
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if partial.exists():
            break
        os.close(descriptor)  # another process took it for stale before it was locked
    try:
        yield partial
    finally:
        os.close(descriptor)


def _partial_path(path: Path) -> Path:
    end = f".{secrets.token_hex(4)}.part{path.suffix[:_MAX_SUFFIX]}"
    room = _MAX_NAME - len(os.fsencode(f".{end}"))
    return path.with_name(f".{os.fsencode(path.stem)[:room].decode('utf-8', 'ignore')}{end}")


def is_too_long(path: Path) -> bool:
    """Whether a file name, or the whole path, is longer than file systems allow.

    Example:
        >>> is_too_long(Path("a" * 255)), is_too_long(Path("a" * 251 + ".json"))
        (False, True)
    """
    absolute = os.fsencode(path.absolute())
    return len(absolute) > _MAX_PATH or max(map(len, absolute.split(os.fsencode(os.sep)))) > _MAX_NAME


def remove_stale_partials(folder: Path, *, deep: bool = False) -> None:
    """Removes the temporary files of `atomic_write` that killed processes left in a folder; never those in use.

    Args:
        folder: Where to search; it may be missing.
        deep: Also search the subfolders.
    """
    if not _HAS_FLOCK:
        return
    for path in folder.rglob(".*.part*") if deep else folder.glob(".*.part*"):
        if _PARTIAL.fullmatch(path.name):
            with suppress(OSError):  # no permission, or no locks on this file system
                _remove_unless_locked(path)


def _remove_unless_locked(partial: Path) -> None:
    descriptor = os.open(partial, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink()
    finally:
        os.close(descriptor)


def check_writable(folder: Path) -> None:
    """Creates a folder if needed, and checks that it can be written to.

    Raises:
        OSError: It cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


@contextmanager
def writable_dir(folder: Path) -> Iterator[None]:
    """Creates a folder if needed, checks that it can be written to, and removes halves that killed processes left.

    Raises:
        DataError: The folder cannot be written to, now or in the body.
    """
    try:
        check_writable(folder)
        remove_stale_partials(folder)
        yield
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to ({error.strerror or error}): free some disk space, or choose "
            "another place with --out"
        ) from None


@contextmanager
def file_lock(lock: Path, *, wait: bool = True) -> Iterator[None]:
    """Holds an exclusive lock on a file, which is created with its folder, and removed at the end.

    After a wait, check again whether the job is still to do: the process before may have done it.

    Args:
        lock: Path of the lock file.
        wait: Wait for another process that holds the lock.

    Raises:
        filelock.Timeout: Another process holds the lock, and `wait` is false.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=-1 if wait else 0):
        try:
            yield
        finally:
            with suppress(OSError):  # a process that waits for it creates it again
                lock.unlink()


def write_json(content: Any, path: Path) -> None:
    """Writes indented JSON atomically; NaN is refused, as it is not JSON."""
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
