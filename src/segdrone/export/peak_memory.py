"""Measure the memory of a fresh process that opens a model file and predicts one photograph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil

from segdrone.inference import Predictor

_TIMEOUT = 600.0  # seconds


def peak_memory(model: Path, image: Path | None) -> int | None:
    """Returns the largest resident memory of a process that predicts an image with a model file on CPU, in bytes.

    Args:
        model: The file.
        image: The photograph; None predicts noise of the training size.

    Returns:
        Bytes; None if it cannot be measured.
    """
    # -P: no module of the working folder is imported.
    command = [sys.executable, "-P", "-m", __name__, str(model), *([] if image is None else [str(image)])]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True)
        return int(answer.stdout.split()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # the peak by getrusage(2) includes that of the parent process
        (line,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def _main(model: str, image: str | None = None) -> None:
    predictor = Predictor.from_file(model, device="cpu")
    noise = np.random.default_rng(0).integers(0, 256, (*predictor.backend.spec.training_size, 3), np.uint8)
    predictor(noise if image is None else image)
    print(_peak())


if __name__ == "__main__":
    _main(*sys.argv[1:])
