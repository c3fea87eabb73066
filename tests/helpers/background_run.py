"""A run that is under way."""

import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import REPO


def started(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """Starts a run and returns when it has ended an epoch."""
    last = folder / "checkpoints" / "last.ckpt"
    before = last.stat().st_mtime_ns if last.exists() else 0
    command = [sys.executable, str(REPO / "train.py"), *arguments]
    process = subprocess.Popen(command, cwd=folder.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 280
    while not last.exists() or last.stat().st_mtime_ns == before:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(process.communicate()[1])
        time.sleep(0.1)
    return process
