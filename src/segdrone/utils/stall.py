"""End a run that makes no progress: a disk that does not answer, a reader or another process that hangs."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from typing import Any

from segdrone.errors import ConfigError
from segdrone.utils.launch import GRACE_PERIOD, is_rank_zero

_TICK = 1.0  # seconds between two looks

_watches: list[StallWatch] = []


class StallWatch(threading.Thread):
    """Ends the process with one line and exit code 2 when no progress is marked for a time.

    Time in which the process is stopped, as by Ctrl+Z, or the machine sleeps, does not count.

    Args:
        timeout: Seconds.
        way_on: Returns what the user can do then.
    """

    def __init__(self, timeout: float, way_on: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self._timeout, self._way_on = timeout, way_on
        self._step, self._waited = "starting", 0.0
        self.paused = False
        self.finished = threading.Event()

    def mark(self, step: str) -> None:
        """Notes that the process makes progress, and what it does next."""
        self._step, self._waited = step, 0.0

    def run(self) -> None:
        """Looks once per second."""
        tick = min(_TICK, self._timeout / 4)
        while not self.finished.wait(tick):
            self._waited += 0 if self.paused else tick
            if self._waited > self._timeout + (0 if is_rank_zero() else GRACE_PERIOD):  # the first process reports it
                self._end()

    def _end(self) -> None:
        print(
            f"error: no progress for {self._timeout:g} seconds while {self._step}: check that the disks and the other "
            f"processes of the run answer, or give a larger trainer.stall_timeout; {self._way_on()}",
            file=sys.stderr,
            flush=True,
        )
        for child in multiprocessing.active_children():
            child.kill()
        os._exit(2)  # the main thread may hang forever


@contextmanager
def watch_progress(timeout: float | None, way_on: Callable[[], str]) -> Iterator[None]:
    """Ends the process if the body makes no progress for `timeout` seconds; None never does. See `StallWatch`."""
    if timeout is None:
        yield
        return
    watch = StallWatch(timeout, way_on)
    _watches.append(watch)
    watch.start()
    try:
        yield
    finally:
        watch.finished.set()
        _watches.remove(watch)


@contextmanager
def pause_watch() -> Iterator[None]:
    """Lets the body take as long as it needs: a download, which other timeouts end if nothing comes."""
    watches = [*_watches]
    for watch in watches:
        watch.paused = True
    try:
        yield
    finally:
        for watch in watches:
            watch.paused = False


def check_stall_timeout(trainer: Mapping[str, Any]) -> None:
    """Checks the option `stall_timeout` of `conf/trainer`.

    Raises:
        ConfigError: It is not a number above 0, or None.
    """
    value = trainer.get("stall_timeout")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf):
        raise ConfigError(f"trainer.stall_timeout={value} must be a number of seconds above 0, or null")


def mark_progress(step: str) -> None:
    """Notes that the process makes progress.

    Args:
        step: What it does next, as in "reading a batch".
    """
    for watch in _watches:
        watch.mark(step)
