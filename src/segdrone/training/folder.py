"""The folder of a run: its alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import Timeout

from segdrone.errors import ConfigError
from segdrone.files import alone
from segdrone.rank import is_first


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keeps a folder for one run at a time.

    Raises:
        ConfigError: Another run writes there.
    """
    with ExitStack() as stack:
        if is_first():  # of the processes of a run
            try:
                stack.enter_context(alone(folder / ".running", wait=False))
            except Timeout:
                raise ConfigError(f"another run writes to {folder}: give another output_dir") from None
        yield
