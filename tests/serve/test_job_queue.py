"""Jobs: computed as `segdrone predict` does, on disk, and found again by the next service."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segdrone.errors import ConfigError
from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.inference.predict_folder import predict_folder
from segdrone.serve.job_queue import JobQueue
from segdrone.serve.job_store import Job, JobStore
from segdrone.serve.pool import WorkerPool
from segdrone.serve.prediction_log import PredictionLog
from segdrone.serve.worker import WorkerOptions
from tests.helpers.serving import held_opening, photograph, slow_photograph, wait_until

OPTIONS: dict[str, Any] = {
    "augment": "none", "min_area": "0", "fill_holes": 0, "refine": 0, "objects": True, "smooth": 1, "confidence": True,
}  # fmt: skip


class Service:
    """A store, and the queue of a service that can be started again."""

    def __init__(self, folder: Path, models: dict[str, str]) -> None:
        self.folder, self.models, self.spool = folder, models, folder.parent / "spool"
        self.spool.mkdir()
        self.start()

    def start(self, keep_seconds: float = 3600) -> None:
        self.store = JobStore(self.folder)
        predictions = PredictionLog(self.folder.parent / "statistics")
        self.queue = JobQueue(self.store, self._make_pool, predictions, workers=1, keep_seconds=keep_seconds)

    def _make_pool(self) -> WorkerPool:
        options = WorkerOptions("cpu", 1, str(self.spool))
        return WorkerPool(self.models, options, size=1, timeout=60, max_queue=1)

    def stop(self) -> None:
        self.queue.stop()

    def kill_worker(self) -> None:
        assert self.queue.pool is not None
        os.kill(self.queue.pool.pids[0], signal.SIGKILL)

    def add(self, *photographs: bytes) -> Job:
        folder = self.store.begin()
        (folder / "input").mkdir()
        for number, content in enumerate(photographs):
            (folder / "input" / f"{number}.jpg").write_bytes(content)
        job = self.store.add(folder, "net", OPTIONS, len(photographs))
        self.queue.add(job)
        return job

    def state(self, job: Job) -> str | None:
        now = self.store.get(job.id)
        return None if now is None else now.state


@pytest.fixture
def service(models: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "jobs", models)
    yield service
    service.stop()


def test_the_result_is_what_segdrone_predict_writes(service: Service, models: dict[str, str], tmp_path: Path) -> None:
    job = service.add(photograph(), photograph(61, 97))
    wait_until(lambda: service.state(job) == "done")
    source, out = service.store.folder(job.id) / "input", tmp_path / "predicted"
    predict_folder(
        Predictor.from_file(models["net"], device="cpu"), find_inputs([source], out), out,
        confidence=True, objects=[], progress=False,
    )  # fmt: skip
    with zipfile.ZipFile(service.store.folder(job.id) / "result.zip") as archive:
        written = {name: archive.read(name) for name in archive.namelist()}
    masks = {name for name in written if name.endswith(".png")}
    assert masks == {f"{kind}/{i}.png" for kind in ("masks", "colours", "confidence") for i in range(2)}
    for name in masks:
        assert written[name] == (out / name).read_bytes(), name
    assert {"summary.csv", "totals.csv", "predict.json", "manifest.jsonl", "overlays/0.jpg"} <= written.keys()


def test_jobs_are_computed_one_after_the_other_and_have_a_place(service: Service) -> None:
    slow, second, third = service.add(slow_photograph()), service.add(photograph()), service.add(photograph())
    wait_until(lambda: service.queue.progress(slow)[0] > 3)
    assert [service.queue.place(job) for job in (slow, second, third)] == [None, 0, 1]
    assert service.queue.progress(slow)[1] > 1000
    service.queue.cancel(second)
    assert (service.state(second), service.queue.place(third)) == (None, 0)
    service.queue.cancel(slow)
    wait_until(lambda: service.state(third) == "done")
    assert (service.state(slow), service.store.folder(slow.id).exists()) == (None, False)
    assert [job.id for job in service.store] == [third.id]


def test_a_job_that_is_cancelled_at_any_moment_costs_no_other(service: Service) -> None:
    jobs = [service.add(photograph()) for _ in range(6)]
    for job in jobs[:5]:
        time.sleep(0.03)
        if service.store.get(job.id) is not None:
            service.queue.cancel(job)
    wait_until(lambda: service.state(jobs[5]) == "done", 20)
    assert [service.state(job) for job in jobs[:5]] == [None] * 5


def test_statistics_that_cannot_be_kept_cost_no_job(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PredictionLog, "add_folder", lambda *_: 1 / 0)
    job = service.add(photograph())
    wait_until(lambda: service.state(job) == "done")


def test_a_full_disk_lets_a_job_wait(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    change, failures = JobStore.change, iter(range(2))

    def full(store: JobStore, job: Job, **changes: Any) -> Job:
        if next(failures, None) is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return change(store, job, **changes)

    monkeypatch.setattr(JobStore, "change", full)
    monkeypatch.setattr("segdrone.serve.job_queue._LOOK_SECONDS", 0.1)
    job = service.add(photograph())
    wait_until(lambda: service.state(job) == "done")


def test_a_service_that_stops_leaves_its_jobs_to_the_next(service: Service) -> None:
    first, second = service.add(photograph(), slow_photograph()), service.add(photograph())
    wait_until(lambda: service.queue.progress(first) == (1, 2))
    service.stop()
    assert (service.state(first), service.state(second)) == ("queued", "queued")
    mask = service.store.folder(first.id) / "out" / "masks" / "0.png"
    before = mask.stat().st_mtime_ns
    service.start()
    wait_until(lambda: service.state(second) == "done", 60)
    assert service.state(first) == "done"
    assert mask.stat().st_mtime_ns == before  # it went on


def test_jobs_of_a_killed_service_are_found_again(service: Service) -> None:
    service.stop()
    store = JobStore(service.folder)
    unfinished, running = store.begin(), store.begin()
    (unfinished / "input").mkdir()
    (running / "input").mkdir()
    (running / "input" / "a.jpg").write_bytes(photograph())
    job = store.change(store.add(running, "net", OPTIONS, 1), state="running", started=time.time())
    (service.folder / "not-a-job").mkdir()
    broken = store.begin()
    broken_job = store.add(broken, "net", OPTIONS, 1)
    cancelled = store.add(store.begin(), "net", OPTIONS, 1)
    store.change(cancelled, state="cancelled", finished=time.time())
    (store.folder(broken_job.id) / "job.json").write_text('{"id": ')
    store.close()
    service.start()
    wait_until(lambda: service.state(job) == "done")
    assert not unfinished.exists()
    assert not service.store.folder(cancelled.id).exists()
    assert service.state(broken_job) is None


def test_a_killed_worker_costs_no_job(service: Service) -> None:
    job = service.add(photograph(), slow_photograph())
    wait_until(lambda: service.queue.progress(job) == (1, 2))
    service.kill_worker()
    wait_until(lambda: service.state(job) == "done", 60)
    found = service.store.get(job.id)
    assert found is not None and found.lost == 1


def test_a_job_that_kills_its_workers_ends(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segdrone.serve.job_queue._MOST_LOST", 1)
    job = service.add(slow_photograph())
    wait_until(lambda: service.queue.progress(job)[0] > 0)
    service.kill_worker()
    wait_until(lambda: service.state(job) == "failed")
    found = service.store.get(job.id)
    assert found is not None and "1 workers have ended while they computed it (signal 9)" in str(found.error)


def test_a_record_that_cannot_be_read_costs_no_result(service: Service) -> None:
    job = service.add(slow_photograph())
    wait_until(lambda: service.queue.progress(job)[0] > 0)
    (service.store.folder(job.id) / "job.json").write_text("")
    assert service.state(job) is None
    wait_until(lambda: service.state(job) == "done")


def test_photographs_that_fail_are_named_without_their_place(service: Service) -> None:
    job, none = service.add(photograph(), photograph()[:-300]), service.add(b"no photograph")
    wait_until(lambda: service.state(none) == "failed")
    some, error = service.store.get(job.id), service.store.get(none.id)
    assert some is not None and some.state == "done"
    assert [*some.failed] == ["1.jpg"] and "cannot be decoded" in some.failed["1.jpg"]
    assert error is not None and "0.jpg" in str(error.error)
    assert str(service.folder) not in json.dumps([some.failed, error.error])


def test_results_go_after_their_time_whatever_the_clock_says(service: Service) -> None:
    job, ahead = service.add(photograph()), service.add(photograph())
    wait_until(lambda: service.state(ahead) == "done")
    service.stop()
    found = service.store.get(ahead.id)
    assert found is not None
    service.store.change(found, finished=time.time() + 1e6)  # the clock was wrong
    service.start(keep_seconds=1.0)
    assert {service.state(job), service.state(ahead)} == {"done"}
    wait_until(lambda: service.state(ahead) is None, 10)
    wait_until(lambda: service.state(job) is None, 10)
    wait_until(lambda: [path.name for path in service.folder.iterdir()] == ["lock"], 10)


def test_a_job_whose_model_was_replaced_is_begun_anew(service: Service, models: dict[str, str]) -> None:
    job = service.add(photograph(), slow_photograph())
    wait_until(lambda: service.queue.progress(job) == (1, 2))
    service.stop()
    service.models = {"net": models["other"]}
    service.start()
    wait_until(lambda: service.state(job) == "done", 60)
    out = service.store.folder(job.id) / "out"
    assert json.loads((out / "predict.json").read_text())["classes"]["names"][-1] == "car"
    summary = (out / "summary.csv").read_text().splitlines()
    assert len(summary) == 3 and "share_car" in summary[0]


def test_a_job_names_the_model_that_computed_it(
    service: Service, models: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = service.add(photograph())
    wait_until(lambda: service.state(first) == "done")
    pool = service.queue.pool
    assert pool is not None
    with held_opening(monkeypatch) as reached:
        replaced = pool.reload("net", models["other"])
        assert reached.wait(60)
        job = service.add(photograph())  # while the other model is being opened
        wait_until(lambda: service.state(job) == "running")
    replaced.answer.result(60)
    wait_until(lambda: service.state(job) == "done")
    digests = [found.digest for found in (service.store.get(first.id), service.store.get(job.id)) if found]
    settings = json.loads((service.store.folder(job.id) / "out" / "predict.json").read_text())
    assert digests[1] == settings["predictor"]["model"] == pool.descriptions["net"]["digest"] != digests[0]
    statistics = service.folder.parent / "statistics"
    wait_until(lambda: len([*statistics.iterdir()]) == 2)


def test_a_job_whose_model_is_gone_fails(service: Service, models: dict[str, str]) -> None:
    service.stop()
    store = JobStore(service.folder)
    folder = store.begin()
    (folder / "input").mkdir()
    job = store.add(folder, "gone", OPTIONS, 1)
    store.close()
    service.start()
    wait_until(lambda: service.state(job) == "failed")
    found = service.store.get(job.id)
    assert found is not None and found.error == "the model gone is not served any more: send it again"


@pytest.mark.parametrize("name", ["..", "lock", "", "a/b", "x" * 22, "x" * 300])
def test_only_ids_are_looked_for(service: Service, name: str) -> None:
    assert service.store.get(name) is None


def test_a_folder_has_one_service(service: Service, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="jobs is in use by another service"):
        JobStore(service.folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file cannot be written to"):
        JobStore(tmp_path / "file")
