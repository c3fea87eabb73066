"""Processes that compute, each one task at a time, behind a bounded queue.

A process that takes too long, or crashes, is replaced; the other tasks go on. Requests and jobs use the pool alike.
"""

from __future__ import annotations

import itertools
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Mapping
from multiprocessing import resource_tracker
from typing import Any

from segdrone.errors import CheckpointError
from segdrone.serve.process import WorkerLostError, WorkerProcess
from segdrone.serve.task import QueueFullError, Task, TaskError
from segdrone.serve.worker import Message, WorkerOptions

log = logging.getLogger(__name__)

_START_SECONDS = 600.0  # importing torch from a slow disk, and opening large models
_STOP_SECONDS = 5.0  # in which an idle process ends
_LOOK_SECONDS = 0.5  # between two looks whether an idle process is alive
_LONGEST_PAUSE = 30.0  # seconds between two starts of a process that fails
_STOPPED = "the service ends, and takes no more requests"


class WorkerPool:
    """Processes that have the same models open, and take tasks from one queue.

    Args:
        models: Paths of the models by name.
        options: How the processes compute.
        size: Number of processes.
        timeout: Seconds that a task may compute.
        max_queue: Tasks that may wait.

    Attributes:
        descriptions: What the models are, by name.
        restarts: Processes that were started in the place of others.
        is_draining: Whether it takes no more tasks.
    """

    def __init__(
        self, models: Mapping[str, str], options: WorkerOptions, *, size: int, timeout: float, max_queue: int
    ) -> None:
        self.size, self.timeout, self.max_queue = size, timeout, max_queue
        self.descriptions: dict[str, Any] = {}
        self.restarts = 0
        self._models, self._options = dict(models), options
        self._changed = threading.Condition()
        self._queue: deque[Task] = deque()
        self._reloads: deque[Task] = deque()  # before all others, and beside the queue that requests fill
        self._processes: dict[int, WorkerProcess] = {}  # by slot
        self._up: set[int] = set()  # slots whose process has the models open
        self._running: dict[int, Task] = {}  # by slot
        self._numbers = itertools.count(1)
        self.is_draining = self._ended = False
        self._first_error: str | None = None
        self._mean_seconds = 1.0
        self._slots = [threading.Thread(target=self._run_slot, args=(slot,), daemon=True) for slot in range(size)]

    def __enter__(self) -> WorkerPool:
        """Starts the processes, and waits until each has opened the models.

        Raises:
            CheckpointError: One cannot.
        """
        try:
            for slot in self._slots:
                slot.start()
            with self._changed:
                self._changed.wait_for(lambda: self._first_error is not None or self.alive == self.size)
            if self._first_error is not None:
                raise CheckpointError(self._first_error)
        except BaseException:
            self.close(kill=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> int:
        """Number of processes that are up."""
        return len(self._up)

    @property
    def waiting(self) -> int:
        """Number of tasks that wait."""
        return len(self._queue)

    @property
    def running(self) -> list[Task]:
        """Tasks that run."""
        with self._changed:
            return [*self._running.values()]

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that are up."""
        with self._changed:
            return [self._processes[slot].pid for slot in self._up]

    @property
    def seconds_to_wait(self) -> int:
        """Estimate of the seconds until the queue has room."""
        return min(60, max(1, round(self._mean_seconds * (self.waiting + 1) / self.size)))

    @property
    def is_full(self) -> bool:
        """Whether `submit` would refuse a task now."""
        return self.waiting >= self.max_queue + max(0, self.alive - len(self._running))

    def submit(self, message: Message) -> Task:
        """Queues a task.

        Args:
            message: What a worker is to do, as `worker.py` describes it; its number is added.

        Raises:
            QueueFullError: As many tasks wait as may.
            TaskError: The pool ends, and takes no more tasks.
        """
        task = Task({**message, "task": next(self._numbers)})
        with self._changed:
            if self.is_draining:
                raise TaskError("stopped", _STOPPED)
            if self.is_full:
                raise QueueFullError
            self._queue.append(task)
            self._changed.notify_all()
        return task

    def cancel(self, task: Task) -> None:
        """Takes a task out of the queue, or lets its worker end it at the next window."""
        with self._changed:
            if task in self._queue:
                self._queue.remove(task)
                task.finish({"error": "cancelled", "text": "the request was cancelled"})
            elif task.worker is not None and not task.answer.done():
                task.worker.send({"do": "cancel", "task": task.message["task"]})

    def reload(self, name: str, path: str) -> Task:
        """Lets a worker open a model in the place of one, and if it can, the others too.

        Tasks that run end with the former one. The task's answer are the descriptions.

        Raises:
            TaskError: The pool ends.
        """
        with self._changed:
            if self.is_draining:
                raise TaskError("stopped", _STOPPED)
            task = Task({"do": "open", "models": {**self._models, name: path}, "replaces": name})
            self._reloads.append(task)
            self._changed.notify_all()
        return task

    def adopt(self, name: str, path: str) -> None:
        """Has each worker open a model that another pool has opened, in the place of one, after the task that it runs.

        Args:
            name: Name of the model.
            path: The model.
        """
        with self._changed:
            self._models = {**self._models, name: path}
            self._changed.notify_all()

    def drain(self) -> None:
        """Takes no more tasks; those that wait or run go on."""
        self.is_draining = True

    def close(self, *, kill: bool = False) -> None:
        """Ends the processes, once the tasks that they run have ended, or at once; tasks that wait fail."""
        with self._changed:
            waiting = [*self._reloads, *self._queue]
            self._reloads, self._queue = deque(), deque()
            self.is_draining = self._ended = True
            self._changed.notify_all()
            for worker in self._processes.values() if kill else ():
                worker.kill()
        for task in waiting:
            task.finish({"error": "stopped", "text": _STOPPED})
        for slot in self._slots:
            if slot.ident is not None:
                slot.join()

    def _run_slot(self, slot: int) -> None:
        """Keeps one process up, and gives it tasks."""
        if hasattr(signal, "pthread_sigmask"):  # until a new process ignores Ctrl+C itself, it must not reach it
            resource_tracker.ensure_running()  # which ends by unblocking it
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        pause = 0.0
        while not self._ended:
            try:
                self._use_process(slot, WorkerProcess(self._options))
            except Exception as error:  # such as no memory for a process
                log.warning("a worker has ended (%s): another one is started", error)
            with self._changed:
                pause = 0.0 if slot in self._up else min(2 * pause + 0.5, _LONGEST_PAUSE)
                self._up.discard(slot)
                self._processes.pop(slot, None)
                if not self._ended:
                    self.restarts += 1
                self._changed.wait_for(lambda: self._ended, pause)

    def _use_process(self, slot: int, worker: WorkerProcess) -> None:
        """Gives a process tasks until the pool ends.

        Raises:
            WorkerLostError: The process has ended before.
        """
        patience = 0.0
        with self._changed:
            self._processes[slot] = worker
            if self._ended:
                worker.kill()
        try:
            self._open(slot, worker)
            while (task := self._next_task(slot, worker)) is not None:
                self._run_task(slot, worker, task)
            patience = _STOP_SECONDS
        except WorkerLostError:
            if not self._ended:
                raise
        finally:
            worker.stop(patience)

    def _open(self, slot: int, worker: WorkerProcess) -> None:
        """Lets a new process open the models.

        Raises:
            WorkerLostError: It cannot.
        """
        models = self._models
        worker.send({"do": "open", "models": models})
        try:
            answer = worker.receive(time.monotonic() + _START_SECONDS)
        except (TimeoutError, WorkerLostError) as error:
            answer = {"error": "lost", "text": f"a worker cannot start ({str(error) or 'it hangs'}): free some memory"}
        if text := answer.get("text"):
            with self._changed:
                self._first_error = self._first_error or text
                self._changed.notify_all()
            raise WorkerLostError(text)
        with self._changed:
            worker.models = models
            if models is self._models:  # else others have opened another one meanwhile
                self.descriptions = answer["models"]
            self._up.add(slot)
            self._changed.notify_all()

    def _next_task(self, slot: int, worker: WorkerProcess) -> Task | None:
        """Waits for the next task; None if the pool ends. New models are opened first.

        Raises:
            WorkerLostError: The process has ended.
        """
        with self._changed:
            while not (self._ended or self._reloads or self._queue or worker.models is not self._models):
                worker.check()
                self._changed.wait(_LOOK_SECONDS)
            if self._ended:
                return None
            worker.check()
            is_current = worker.models is self._models
            queue = self._reloads or self._queue
            task = queue.popleft() if is_current else Task({"do": "open", "models": self._models})
            task.begin(worker)
            self._running[slot] = task
            worker.send(task.message)  # before `cancel` can send that it is not wanted
            return task

    def _run_task(self, slot: int, worker: WorkerProcess, task: Task) -> None:
        """Lets a process do a task.

        Raises:
            WorkerLostError: The process has ended, or had to.
        """
        start, answer = time.monotonic(), {"error": "lost", "text": "its answer could not be read"}
        try:
            while "progress" in (message := worker.receive(start + self.timeout)):
                task.advance(*message["progress"])
            answer = message
            if task.message["do"] == "open":
                self._commit(worker, task.message, answer)
            else:
                self._mean_seconds += 0.2 * (time.monotonic() - start - self._mean_seconds)
        except TimeoutError:
            answer = {"error": "timeout", "text": f"it took more than {self.timeout:g} seconds"}
            raise WorkerLostError(answer["text"]) from None
        except WorkerLostError as error:
            answer = {"error": "lost", "text": str(error)}
            raise
        finally:
            with self._changed:
                del self._running[slot]
            task.finish(answer)

    def _commit(self, worker: WorkerProcess, message: Message, answer: Message) -> None:
        """Notes the models that a process has opened; if it is the first one to replace a model, the others follow.

        Raises:
            WorkerLostError: It cannot open what another process has opened.
        """
        models = message["models"]
        with self._changed:
            if "error" in answer:
                if models is self._models:
                    raise WorkerLostError(answer["text"])
                return
            worker.models = models
            if "replaces" in message:
                self._models = models
            if models is self._models:  # else another model was replaced meanwhile, and is opened next
                self.descriptions = answer["models"]
            self._changed.notify_all()
