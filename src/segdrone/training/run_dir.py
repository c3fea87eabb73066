"""Lock the folder of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import Timeout

from segdrone.errors import ConfigError
from segdrone.utils.atomic import file_lock
from segdrone.utils.launch import is_rank_zero


@contextmanager
def run_dir_lock(folder: Path) -> Iterator[None]:
    """Locks a folder, so that only one run writes to it at a time. Only the first process of a run takes the lock.

    Raises:
        ConfigError: Another run writes to the folder.
    """
    with ExitStack() as stack:
        if is_rank_zero():
            try:
                stack.enter_context(file_lock(folder / ".running", wait=False))
            except Timeout:
                raise ConfigError(f"another run writes to {folder}: give another output_dir") from None
        yield
