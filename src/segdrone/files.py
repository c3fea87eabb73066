"""Write files whole or not at all, and one process at a time."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock


@contextmanager
def whole(path: Path) -> Iterator[Path]:
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


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Waits until no other process holds `lock`, a file that is made, with its folder, and removed.

    Who has waited should look again: what it was about to make may be there.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        try:
            yield
        finally:
            with suppress(OSError):  # who waits for it makes it anew
                lock.unlink()


def write_json(content: Any, path: Path) -> None:
    """Writes indented JSON."""
    with whole(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
