"""Start a training run in the background."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.helpers.commands import REPO, TIMEOUT


def start_run(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start train.py and return when it has finished an epoch.

    Args:
        arguments: Of train.py.
        folder: Its output_dir.
    """
    last = folder / "checkpoints" / "last.ckpt"
    before = last.stat().st_mtime_ns if last.exists() else 0
    command = [sys.executable, str(REPO / "train.py"), *arguments]
    process = subprocess.Popen(command, cwd=folder.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + TIMEOUT
    while not last.exists() or last.stat().st_mtime_ns == before:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(process.communicate()[1])
        time.sleep(0.1)
    return process
