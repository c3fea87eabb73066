"""Have the jobs of a store computed, the oldest first, and remove their results after a time."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from segdrone.errors import CheckpointError
from segdrone.serve.job_store import Job, JobStore
from segdrone.serve.pool import WorkerPool
from segdrone.serve.prediction_log import AS_TRAINED, PredictionLog
from segdrone.serve.task import Task, TaskError
from segdrone.utils.console import one_line

log = logging.getLogger(__name__)

_MOST_LOST = 5  # workers that a job may cost: one that needs too much memory would cost them for ever
_LOOK_SECONDS = 30.0  # between two looks for results to remove


class JobQueue:
    """Threads that give the jobs of a store to the workers of a pool.

    A job that was running when its service or its worker was killed is begun again, and goes on where it was.

    Args:
        store: The jobs; closed at the end.
        make_pool: Returns the pool that computes them, and nothing else; it is started with the first job.
        predictions: Keeps the statistics of finished jobs.
        workers: Number of its processes.
        keep_seconds: How long results are kept.

    Attributes:
        pool: The pool; None before the first job.
        ended: How many jobs have ended, by state.
    """

    def __init__(
        self,
        store: JobStore,
        make_pool: Callable[[], WorkerPool],
        predictions: PredictionLog,
        *,
        workers: int,
        keep_seconds: float,
    ) -> None:
        self._predictions = predictions
        self.store, self._make_pool, self._keep = store, make_pool, keep_seconds
        self.pool: WorkerPool | None = None
        self._changed, self._starting = threading.Condition(), threading.Lock()
        self._waiting: list[Job] = []
        self._tasks: dict[str, Task] = {}  # that run, by id
        self._expires: dict[str, float] = {}  # time.monotonic by id: a clock that is set does not matter
        self._stopping = False
        self.ended: Counter[str] = Counter()
        for job in store:
            if job.state == "cancelled":  # while it ran, before the service was killed
                with suppress(OSError):
                    store.remove(job)
            elif job.has_ended:
                self._expire(job)
            else:
                self._waiting.append(job)
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(workers)]
        self._threads.append(threading.Thread(target=self._remove_old, daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Number of jobs that are computed."""
        return len(self._tasks)

    def add(self, job: Job) -> None:
        """Queues a job of the store."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify_all()

    def place(self, job: Job) -> int | None:
        """Returns how many jobs are before a job that waits; None if it does not wait."""
        with self._changed:
            return next((place for place, other in enumerate(self._waiting) if other.id == job.id), None)

    def progress(self, job: Job) -> tuple[int, int]:
        """Returns how much of a job that runs is done, and of how much; see `predict_folder`."""
        task = self._tasks.get(job.id)
        return (0, 0) if task is None else task.progress

    def cancel(self, job: Job) -> None:
        """Takes a job out of the queue, or ends it at its next window, and removes it with its files."""
        with self._changed:
            self._waiting = [other for other in self._waiting if other.id != job.id]
            task = self._tasks.get(job.id)
            self._expires.pop(job.id, None)
            if task is None:
                self.store.remove(job)
                return
            self.store.change(job, state="cancelled", finished=time.time())
            if self.pool is not None:
                self.pool.cancel(task)

    def adopt(self, name: str, path: str) -> None:
        """Has the workers open a model in the place of one, as those of requests have, after the jobs that run."""
        with self._starting:  # a pool that starts has opened the former one
            if self.pool is not None:
                self.pool.adopt(name, path)

    def stop(self, *, kill: bool = False) -> None:
        """Ends the jobs that run at their next window, or at once; the next service goes on with them."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        with self._starting:
            pool = self.pool
        if pool is not None:
            for task in [*self._tasks.values()]:
                pool.cancel(task)
            pool.close(kill=kill)
        for thread in self._threads:
            thread.join()
        self.store.close()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._compute(job)
            except OSError as error:
                with self._changed:
                    self._tasks.pop(job.id, None)
                if self.store.folder(job.id).is_dir():  # else it was cancelled
                    self._wait_for_disk(job, error)
            except Exception:  # whatever it is, it must not cost the other jobs
                log.exception("job %s failed", job.id)
                with self._changed, suppress(OSError):
                    self._tasks.pop(job.id, None)
                    self._end(job, state="failed", error="an error in the service: tell who runs it")

    def _wait_for_disk(self, job: Job, error: OSError) -> None:
        """Lets a job whose state cannot be written wait; the one on disk is one from which a service goes on."""
        log.error("job %s: its state cannot be written (%s): free some disk space", job.id, error)
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, _LOOK_SECONDS)
            self._waiting.append(job)

    def _next(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting)
            return None if self._stopping else self._waiting.pop(0)

    def _compute(self, job: Job) -> None:
        try:
            pool = self._started_pool()
            digest = pool.descriptions[job.model]["digest"]
        except TaskError:
            return  # it waits on disk
        except CheckpointError as error:
            self._end(job, state="failed", error=one_line(error))
            return
        except KeyError:
            self._end(job, state="failed", error=f"the model {job.model} is not served any more: send it again")
            return
        with self._changed:
            if self._stopping or not (folder := self.store.folder(job.id)).is_dir():  # or cancelled meanwhile
                return
            if job.digest not in ("", digest):  # of the former model, which masks of another would join
                shutil.rmtree(folder / "out", ignore_errors=True)
            job = self.store.change(job, state="running", started=time.time(), digest=digest)
            try:
                task = self._tasks[job.id] = pool.submit(_message(job, folder))
            except TaskError:
                return  # it waits on disk
        try:
            answer = task.answer.result()
            # The model may have been replaced after the job was begun and before a worker had time for it.
            changes = {"state": "done", "failed": answer["failed"], "digest": answer["model_digest"]}
        except TaskError as error:
            changes = self._failure(job, error)
        with self._changed:
            del self._tasks[job.id]
            now = self.store.get(job.id)
            if now is not None and now.state == "cancelled":  # one that cannot be read now is written again
                self.store.remove(job)
                return
            if "state" in changes:
                job = self._end(job, **changes)
            else:
                job = self.store.change(job, state="queued", **changes)
                if not self._stopping:
                    self._waiting.insert(0, job)
                    self._changed.notify_all()
        if changes.get("state") == "done":
            self._keep_statistics(job, pool.descriptions.get(job.model), folder / "out")

    def _started_pool(self) -> WorkerPool:
        with self._starting:
            if self._stopping:
                raise TaskError("stopped", "the service ends")
            if self.pool is None:
                self.pool = self._make_pool().__enter__()
            return self.pool

    def _end(self, job: Job, **changes: Any) -> Job:
        job = self.store.change(job, finished=time.time(), **changes)
        self.ended[changes["state"]] += 1
        self._expire(job)
        return job

    def _keep_statistics(self, job: Job, description: Mapping[str, Any] | None, out: Path) -> None:
        is_same = description is not None and job.digest == description["digest"]
        if description is not None and is_same and AS_TRAINED.items() <= job.options.items():
            try:
                self._predictions.add_folder(job.model, description, job.id, out)
            except Exception:  # the job is done without
                log.exception("the statistics of job %s are not kept", job.id)

    def _failure(self, job: Job, error: TaskError) -> dict[str, Any]:
        """Returns what becomes of a job whose task failed; without a state it is begun again."""
        if error.kind in ("cancelled", "stopped") or (self._stopping and error.kind == "lost"):
            return {}
        if error.kind == "lost" and job.lost + 1 < _MOST_LOST:
            log.warning("job %s: its worker has ended (%s): it is begun again", job.id, error)
            return {"lost": job.lost + 1}
        if error.kind == "lost":
            text = f"{_MOST_LOST} workers have ended while they computed it ({error}): reduce the photographs"
        else:
            text = one_line(error)
        return {"state": "failed", "error": text}

    def _expire(self, job: Job) -> None:
        age = time.time() - (job.finished or 0)
        self._expires[job.id] = time.monotonic() + self._keep - min(max(age, 0.0), self._keep)

    def _remove_old(self) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._stopping, min(_LOOK_SECONDS, self._keep / 4)):
                    return
                old = [job_id for job_id, end in self._expires.items() if end <= time.monotonic()]
                for job_id in old:
                    del self._expires[job_id]
                    if (job := self.store.get(job_id)) is not None:
                        with suppress(OSError):  # the next service tries again
                            self.store.remove(job)


def _message(job: Job, folder: Path) -> dict[str, Any]:
    return {"do": "predict", "model": job.model, "folder": str(folder.resolve()), "options": job.options}
