"""Share what is expensive to make between the tests of a session, on all xdist workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first test to ask for it has filled, in whichever worker.

    No test may change what is in it.

    Args:
        factory: Pytest's, for where the session's folders are.
        name: Name of the folder.
        make: Fills the folder, whose path it gets; the folder does not exist yet.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of all workers
    folder, done = base / "shared" / name, base / f"{name}.done"
    with FileLock(base / f"{name}.lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder
