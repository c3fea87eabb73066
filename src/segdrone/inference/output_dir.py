"""Keep an output folder to one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from segdrone.errors import ConfigError
from segdrone.utils.atomic import file_lock, writable_dir


@contextmanager
def exclusive_dir(folder: Path) -> Iterator[None]:
    """Creates a folder if needed, and keeps other processes from predicting into it.

    Raises:
        ConfigError: Another process predicts into it.
        DataError: The folder cannot be written to, now or in the body.
    """
    with writable_dir(folder):
        try:
            with file_lock(folder / ".predict.lock", wait=False):
                yield
        except filelock.Timeout:  # an OSError too
            raise ConfigError(
                f"another segdrone predict writes to {folder}: wait until it ends, or give another --out"
            ) from None
