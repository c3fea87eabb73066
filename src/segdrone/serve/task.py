"""A task for a worker: what it is to do, its progress, and its answer."""

from __future__ import annotations

import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from segdrone.serve.process import WorkerProcess
from segdrone.serve.worker import Message


class TaskError(Exception):
    """A task that failed.

    Attributes:
        kind: Name of the error's class in the worker, or `cancelled`, `timeout`, `lost` or `stopped`.
        errno: Number of a system error.
    """

    def __init__(self, kind: str, text: str, errno: int | None = None) -> None:
        super().__init__(text)
        self.kind, self.errno = kind, errno


class QueueFullError(Exception):
    """As many tasks wait as may."""


class Task:
    """A message for a worker, and its answer.

    Attributes:
        message: What a worker is to do.
        answer: Its answer, or a `TaskError`.
        progress: Windows that are done, and of how many.
        queued: Seconds that the task waited, once it has started.
    """

    def __init__(self, message: Message) -> None:
        self.message, self.answer = message, Future[Message]()
        self.progress = (0, 0)
        self.queued: float | None = None
        self.worker: WorkerProcess | None = None
        self._submitted = time.monotonic()

    def begin(self, worker: WorkerProcess) -> None:
        """Notes that a worker begins."""
        self.worker, self.queued = worker, time.monotonic() - self._submitted

    def advance(self, done: int, total: int) -> None:
        """Notes progress."""
        self.progress = done, total

    def finish(self, message: Message) -> None:
        """Sets the answer, unless the task was cancelled meanwhile."""
        with suppress(InvalidStateError):
            if "error" in message:
                self.answer.set_exception(TaskError(message["error"], message["text"], message.get("errno")))
            else:
                self.answer.set_result(message)
