"""Start a training run in the background."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.commands import TIMEOUT, ForkedCommand


@contextmanager
def background_run(arguments: Sequence[str | Path], folder: Path) -> Iterator[ForkedCommand]:
    """Start train.py; the `with` statement begins when it has finished an epoch, and ends the run.

    Args:
        arguments: Of train.py.
        folder: Its output_dir.
    """
    last = folder / "checkpoints" / "last.ckpt"
    before = last.stat().st_mtime_ns if last.exists() else 0
    with ForkedCommand(folder.parent, "train.py", *arguments) as process:
        deadline = time.monotonic() + TIMEOUT
        while not last.exists() or last.stat().st_mtime_ns == before:
            assert process.poll() is None and time.monotonic() < deadline, process.outputs()
            time.sleep(0.1)
        yield process
