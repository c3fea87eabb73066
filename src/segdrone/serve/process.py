"""A worker process, seen from the pool: start it, exchange messages with it, end it."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import wait

from segdrone.serve.worker import Message, WorkerOptions, main

CONTEXT = multiprocessing.get_context("spawn")  # a fork of a process with threads can hang
_MAX_MESSAGE = 64 << 20  # bytes
_EXIT_SECONDS = 5.0  # from the end of the connection to that of the process


class WorkerLostError(Exception):
    """The process has ended: it crashed, or was killed, as for its memory."""


class WorkerProcess:
    """A process that runs `worker.main`.

    Args:
        options: How it computes.

    Attributes:
        models: Paths by name of the models that it has open; the pool sets it.
    """

    def __init__(self, options: WorkerOptions) -> None:
        self._connection, other = CONTEXT.Pipe()
        self._sending = threading.Lock()
        self._process = CONTEXT.Process(target=main, args=(other, options), daemon=True, name="segdrone-worker")
        self.models: Mapping[str, str] = {}
        self._process.start()
        other.close()

    @property
    def pid(self) -> int:
        """Id of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def send(self, message: Message) -> None:
        """Sends a message; to a process that has ended, nothing."""
        with self._sending, suppress(OSError):
            self._connection.send_bytes(json.dumps(message).encode())

    def receive(self, deadline: float | None = None) -> Message:
        """Waits for a message.

        Args:
            deadline: Time of `time.monotonic` at which to stop waiting.

        Raises:
            TimeoutError: There was none until then.
            WorkerLostError: The process has ended.
        """
        seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = wait([self._connection, self._process.sentinel], seconds)
        if not ready:
            raise TimeoutError
        try:
            if self._connection in ready or self._connection.poll():
                message: Message = json.loads(self._connection.recv_bytes(_MAX_MESSAGE))
                return message
        except (OSError, EOFError, ValueError):
            pass
        raise WorkerLostError(self._how_it_ended())

    def check(self) -> None:
        """Checks that the process runs.

        Raises:
            WorkerLostError: It does not.
        """
        if not self._process.is_alive():
            raise WorkerLostError(self._how_it_ended())

    def _how_it_ended(self) -> str:
        self._process.join(_EXIT_SECONDS)
        code = self._process.exitcode
        return "it does not answer" if code is None else f"exit code {code}" if code >= 0 else f"signal {-code}"

    def stop(self, patience: float) -> None:
        """Lets the process end, and kills it if it has not after some seconds; no other method may be called then."""
        with suppress(OSError):
            self._connection.close()
        self._process.join(patience)
        self._process.kill()
        self._process.join()

    def kill(self) -> None:
        """Ends the process at once; may be called from any thread."""
        self._process.kill()
