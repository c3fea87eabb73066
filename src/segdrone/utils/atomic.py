"""Write files whole or not at all, and one process at a time."""

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

_PARTIAL = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part(\.[^.]*)?")  # what `whole` calls a file it has not finished


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there takes its place at the end.

    The folder is made if need be. If the body fails, the temporary file is removed and `path` stays
    as it was. The temporary name keeps the suffix, which image writers go by.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def stale_partials(folder: Path, stem: str | None = None, *, deep: bool = False) -> list[Path]:
    """Returns what `whole` left half-written in a folder where a process was killed.

    Args:
        folder: Where to look; it need not be there.
        stem: The file's name without suffix; None is any.
        deep: Also look into the folders below.
    """
    found = folder.rglob(".*.part*") if deep else folder.glob(".*.part*")
    named = ((path, _PARTIAL.fullmatch(path.name)) for path in found)
    return sorted(path for path, name in named if name and stem in (None, name[1]))


@contextmanager
def writable_dir(folder: Path) -> Iterator[None]:
    """Makes a folder if need be and tries to write there, before the body takes its time.

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
    """Waits until no other process holds `lock`, a file that is made, with its folder, and removed.

    Who has waited should look again: what it was about to make may be there.

    Raises:
        filelock.Timeout: Another process holds it, and `wait` is false.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=-1 if wait else 0):
        try:
            yield
        finally:
            with suppress(OSError):  # who waits for it makes it anew
                lock.unlink()


def write_json(content: Any, path: Path) -> None:
    """Writes indented JSON."""
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
