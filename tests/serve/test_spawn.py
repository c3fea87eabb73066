"""Workers that are spawned, as those of a service are: what they import, and what happens if none can start."""

from __future__ import annotations

import multiprocessing
import multiprocessing.spawn
import os
import signal
import sys
from pathlib import Path

import pytest

from segdrone.serve import process
from segdrone.serve.pool import WorkerPool
from segdrone.serve.worker import WorkerOptions
from tests.helpers.serving import wait_until
from tests.serve.test_pool import message


@pytest.fixture(autouse=True)
def spawned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts workers as a service does."""
    monkeypatch.setattr(process, "CONTEXT", multiprocessing.get_context("spawn"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_of_exported_models_has_no_torch(models: dict[str, str], tmp_path: Path) -> None:
    with WorkerPool(models, WorkerOptions("cpu", 1, str(tmp_path)), size=1, timeout=60, max_queue=4) as pool:
        pool.submit(message(tmp_path)).answer.result(60)
        (pid,) = pool.pids
        maps = Path(f"/proc/{pid}/maps").read_text()
    assert "onnxruntime" in maps
    assert "torch" not in maps


def test_a_worker_that_cannot_start_is_started_again(two: WorkerPool, tmp_path: Path) -> None:
    executable = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable("/nonexistent")
    try:
        for pid in two.pids:
            os.kill(pid, signal.SIGKILL)
        restarts = two.restarts
        wait_until(lambda: two.restarts >= restarts + 4)
        assert two.alive == 0
        task = two.submit(message(tmp_path))
    finally:
        multiprocessing.set_executable(executable)
    assert task.answer.result(60)
    wait_until(lambda: two.alive == 2)
