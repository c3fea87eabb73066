"""Processes that compute: answers, progress, cancel, time limit, crash, reload."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import CheckpointError
from segdrone.inference import Predictor
from segdrone.serve.pool import WorkerPool
from segdrone.serve.process import WorkerProcess
from segdrone.serve.task import QueueFullError, Task, TaskError
from segdrone.serve.worker import WorkerOptions
from tests.helpers.serving import held_opening, photograph, slow_photograph, wait_until, write_model

OPTIONS = {"augment": "none", "min_area": "0", "fill_holes": 0, "refine": 0, "objects": False, "kinds": []}


def message(folder: Path, content: bytes | None = None, model: str = "net", **options: Any) -> dict[str, Any]:
    """Returns a task for a photograph, which is written to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "photograph.jpg"
    file.write_bytes(photograph() if content is None else content)
    return {
        "do": "segment",
        "model": model,
        "folder": str(folder),
        "file": str(file),
        "options": {**OPTIONS, **options},
    }


def slow(folder: Path) -> dict[str, Any]:
    return message(folder, slow_photograph(), augment="symmetries")


def failure(task: Task) -> TaskError:
    error = task.answer.exception(60)
    assert isinstance(error, TaskError)
    return error


def test_the_mask_is_that_of_the_predictor(pool: WorkerPool, models: dict[str, str], tmp_path: Path) -> None:
    for name in models:
        answer = pool.submit(message(tmp_path / name, model=name)).answer.result(60)
        mask = np.asarray(Image.open(tmp_path / name / "masks" / "photograph.png"))
        assert np.array_equal(mask, Predictor.from_file(models[name])(tmp_path / name / "photograph.jpg").mask)
        assert answer["row"]["width"] == "90"
        assert answer["model_digest"] == pool.descriptions[name]["digest"]
    masks = [(tmp_path / name / "masks" / "photograph.png").read_bytes() for name in models]
    assert masks[0] != masks[1]


def test_progress_is_reported_by_window(pool: WorkerPool, tmp_path: Path) -> None:
    task = pool.submit(message(tmp_path, photograph(100, 200)))
    task.answer.result(60)
    done, total = task.progress
    assert done == total > 5


@pytest.mark.parametrize(
    ("content", "options", "kind", "text"),
    [
        (b"\xff\xd8\xff", {}, "DataError", "the photograph"),
        (photograph(80, 80)[:2000], {}, "DataError", "the photograph"),
        (b"", {}, "DataError", "empty"),
        (None, {"min_area": "tree"}, "ConfigError", "min_area tree must be pixels"),
        (None, {"min_area": "lake=5"}, "ConfigError", "lake"),
        (None, {"refine": 65}, "ConfigError", "64 pixels at most"),
        (None, {"augment": "all"}, "ConfigError", "augment=all is unknown"),
    ],
)
def test_a_task_that_fails_leaves_the_worker(
    pool: WorkerPool, tmp_path: Path, content: bytes | None, options: dict[str, Any], kind: str, text: str
) -> None:
    before = pool.pids
    error = failure(pool.submit(message(tmp_path, content, **options)))
    assert error.kind == kind
    assert text in str(error)
    assert str(tmp_path) not in str(error)
    assert pool.pids == before


def test_a_running_task_is_cancelled_at_the_next_window(pool: WorkerPool, tmp_path: Path) -> None:
    before, task = pool.pids, pool.submit(slow(tmp_path))
    wait_until(lambda: task.progress[0])
    pool.cancel(task)
    assert failure(task).kind == "cancelled"
    assert task.progress[0] < task.progress[1]
    assert pool.submit(message(tmp_path)).answer.result(60)
    assert pool.pids == before


def test_a_task_is_cancelled_while_it_is_sent(
    pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = WorkerProcess.send

    def slowly(worker: WorkerProcess, given: dict[str, Any]) -> None:
        time.sleep(0 if given["do"] == "cancel" else 0.3)
        send(worker, given)

    monkeypatch.setattr(WorkerProcess, "send", slowly)
    task = pool.submit(slow(tmp_path))
    wait_until(lambda: task.worker)
    pool.cancel(task)
    assert failure(task).kind == "cancelled"


def test_a_waiting_task_is_cancelled_without_running(pool: WorkerPool, tmp_path: Path) -> None:
    first, second = pool.submit(slow(tmp_path / "a")), pool.submit(message(tmp_path / "b"))
    wait_until(lambda: first.progress[0])
    pool.cancel(second)
    assert failure(second).kind == "cancelled"
    assert pool.waiting == 0
    pool.cancel(first)
    assert failure(first).kind == "cancelled"
    assert not (tmp_path / "b" / "masks").exists()


def test_cancelling_a_finished_task_does_not_touch_the_next(pool: WorkerPool, tmp_path: Path) -> None:
    task = pool.submit(message(tmp_path))
    task.answer.result(60)
    pool.cancel(task)
    assert task.worker is not None
    task.worker.send({"do": "cancel", "task": task.message["task"]})  # as if it came late
    assert pool.submit(message(tmp_path, photograph(100, 200))).answer.result(60)


def test_the_queue_is_bounded(pool: WorkerPool, tmp_path: Path) -> None:
    first = pool.submit(slow(tmp_path))
    wait_until(lambda: first.progress[0])
    waiting = [pool.submit(message(tmp_path / str(i))) for i in range(pool.max_queue)]
    with pytest.raises(QueueFullError):
        pool.submit(message(tmp_path / "beyond"))
    assert pool.is_full
    assert 1 <= pool.seconds_to_wait <= 60
    pool.cancel(first)
    assert all(task.answer.result(60) for task in waiting)
    assert not pool.is_full


def test_a_model_that_waits_to_be_opened_takes_no_place(
    pool: WorkerPool, models: dict[str, str], tmp_path: Path
) -> None:
    first = pool.submit(slow(tmp_path))
    wait_until(lambda: first.progress[0])
    reload = pool.reload("net", models["net"])
    assert pool.waiting == 0
    waiting = [pool.submit(message(tmp_path / str(i))) for i in range(pool.max_queue)]
    pool.cancel(first)
    assert all(task.answer.result(60) for task in (reload, *waiting))


def test_a_killed_worker_costs_its_task_alone(two: WorkerPool, tmp_path: Path) -> None:
    restarts, before = two.restarts, two.pids
    tasks = [two.submit(slow(tmp_path / name)) for name in "ab"]
    wait_until(lambda: all(task.progress[0] for task in tasks))
    assert tasks[0].worker is not None
    os.kill(tasks[0].worker.pid, signal.SIGKILL)
    error = failure(tasks[0])
    assert (error.kind, str(error)) == ("lost", "signal 9")
    assert tasks[1].answer.result(60)
    wait_until(lambda: two.alive == two.size)
    assert two.restarts == restarts + 1
    assert len({*before} & {*two.pids}) == 1
    assert two.submit(message(tmp_path)).answer.result(60)


def test_an_idle_worker_that_is_killed_costs_no_task(two: WorkerPool, tmp_path: Path) -> None:
    before = two.pids
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not {*before} & {*two.pids})
    assert two.submit(message(tmp_path)).answer.result(60)
    wait_until(lambda: two.alive == two.size)


def test_ctrl_c_and_sigterm_do_not_end_a_worker(two: WorkerPool, tmp_path: Path) -> None:
    """A terminal or a service manager sends them to all processes; running work is to end first."""
    before = two.pids
    for pid in before:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert two.submit(message(tmp_path)).answer.result(60)
    time.sleep(0.6)
    assert two.pids == before


def test_a_task_that_takes_too_long_costs_its_worker(models: dict[str, str], tmp_path: Path) -> None:
    options = WorkerOptions("cpu", 1, str(tmp_path))
    with WorkerPool(models, options, size=1, timeout=1, max_queue=4) as pool:
        before, task = pool.pids, pool.submit(slow(tmp_path / "a"))
        error = failure(task)
        assert (error.kind, str(error)) == ("timeout", "it took more than 1 seconds")
        assert pool.submit(message(tmp_path / "b")).answer.result(60)
        assert pool.pids != before
        running, waiting = pool.submit(slow(tmp_path / "a")), pool.submit(message(tmp_path / "b"))
        wait_until(lambda: running.progress[0])
        start = time.monotonic()
        pool.close(kill=True)
    assert time.monotonic() - start < 5
    assert (failure(running).kind, failure(waiting).kind) == ("lost", "stopped")
    with pytest.raises(TaskError, match="the service ends"):
        pool.submit(message(tmp_path / "c"))


def test_closing_waits_for_running_tasks(models: dict[str, str], tmp_path: Path) -> None:
    options = WorkerOptions("cpu", 1, str(tmp_path))
    with WorkerPool(models, options, size=1, timeout=60, max_queue=4) as pool:
        task = pool.submit(message(tmp_path, photograph(400, 600)))
        wait_until(lambda: task.progress[0])
    assert task.answer.result(0)["row"]["height"] == "400"


@pytest.mark.parametrize("content", [b"", None])
def test_a_model_that_cannot_be_opened_ends_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.onnx"
    if content is None:
        path.write_bytes(write_model(tmp_path / "good.onnx").read_bytes()[:-50])
    else:
        path.write_bytes(content)
    pool = WorkerPool({"net": str(path)}, WorkerOptions("cpu", 1, str(tmp_path)), size=1, timeout=1, max_queue=1)
    with pytest.raises(CheckpointError, match="broken.onnx"), pool:
        raise AssertionError
    assert pool.pids == []


def test_a_model_is_replaced_in_all_workers(two: WorkerPool, models: dict[str, str], tmp_path: Path) -> None:
    new = shutil.copy(models["other"], tmp_path / "new.onnx")
    before = two.descriptions["net"]["digest"]
    running = two.submit(slow(tmp_path / "slow"))
    wait_until(lambda: running.progress[0])
    answer = two.reload("net", str(new)).answer.result(60)
    assert answer["models"]["net"]["digest"] == two.descriptions["net"]["digest"] != before
    tasks = [two.submit(message(tmp_path / str(i))) for i in range(4)]
    assert {task.answer.result(60)["model_digest"] for task in tasks} == {two.descriptions["net"]["digest"]}
    assert running.answer.result(60)["model_digest"] == before
    assert two.submit(message(tmp_path / "again")).answer.result(60)["model_digest"] != before
    two.reload("net", models["net"]).answer.result(60)
    assert two.descriptions["net"]["digest"] == before


def test_a_worker_that_opens_a_former_model_does_not_bring_it_back(
    two: WorkerPool, models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = two.descriptions["net"]["digest"]
    running = two.submit(slow(tmp_path / "slow"))
    wait_until(lambda: running.progress[0])
    with held_opening(monkeypatch, lambda: running.worker) as reached:
        two.reload("net", models["other"]).answer.result(60)
        two.cancel(running)
        assert reached.wait(60)  # the worker of the slow task has opened it too, and says so later
        two.reload("net", models["net"]).answer.result(60)
        assert two.descriptions["net"]["digest"] == before
    wait_until(lambda: not two.running)
    tasks = [two.submit(message(tmp_path / str(i))) for i in range(4)]
    assert {task.answer.result(60)["model_digest"] for task in tasks} == {before}
    assert two.descriptions["net"]["digest"] == before


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_a_broken_model_does_not_replace_one(two: WorkerPool, tmp_path: Path, content: bytes) -> None:
    broken, before, pids = tmp_path / "broken.onnx", two.descriptions, two.pids
    broken.write_bytes(content)
    error = failure(two.reload("net", str(broken)))
    assert error.kind == "CheckpointError"
    assert "broken.onnx" in str(error)
    assert two.descriptions == before
    assert two.submit(message(tmp_path)).answer.result(60)["model_digest"] == before["net"]["digest"]
    assert two.pids == pids
