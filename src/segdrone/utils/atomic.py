"""Write files atomically, and let one process at a time do a job."""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from segdrone.errors import DataError

_MAX_NAME = 255  # bytes of a file name, on nearly all file systems
_MAX_SUFFIX = 40  # characters; those of image formats are shorter
_MAX_PATH = 4095  # bytes of a path, on Linux
_PARTIAL = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part(\.[^.]*)?")  # name of a file that `atomic_write` has not finished


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; at the end, the file written there replaces `path`.

    The folder is created if needed. If the body fails, the temporary file is removed and `path` stays as it was. The
    temporary name keeps the suffix, by which image writers choose the format, and is no longer than 255 bytes.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_write(folder / "scores.txt") as partial:
        ...     _ = partial.write_text("0.5")
        >>> (folder / "scores.txt").read_text()
        '0.5'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial_path(path)
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sync_dir(folder: Path) -> None:
    """Flushes the entries of a folder to disk, such as a rename; without it, a power cut can undo one."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
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


def stale_partials(folder: Path, stem: str | None = None, *, deep: bool = False) -> list[Path]:
    """Returns the temporary files of `atomic_write` that killed processes left in a folder.

    Args:
        folder: Where to search; it may be missing.
        stem: Name of the file without suffix; None matches any.
        deep: Also search the subfolders.
    """
    candidates = folder.rglob(".*.part*") if deep else folder.glob(".*.part*")
    matches = ((path, _PARTIAL.fullmatch(path.name)) for path in candidates)
    return sorted(path for path, match in matches if match and stem in (None, match[1]))


@contextmanager
def writable_dir(folder: Path) -> Iterator[None]:
    """Creates a folder if needed and checks that it can be written to, before the body spends time.

    Raises:
        DataError: The folder cannot be written to, now or in the body.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
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
