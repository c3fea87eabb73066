"""Start a command of segdrone in a process group of its own, and end it as a trial wishes.

The process is a fork of this one, which has imported what takes seconds, but nothing of segdrone.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.helpers.commands import run_and_exit

TIMEOUT = 600.0
"""Seconds after which a command counts as hanging."""


class Ended(NamedTuple):
    """A command that has ended.

    Attributes:
        code: Exit code; negative is a signal, None a hang.
        out: What it printed to stdout.
        err: And to stderr.
        seconds: How long it ran.
    """

    code: int | None
    out: str
    err: str
    seconds: float


class Process:
    """A command in the background.

    Args:
        arguments: Of `segdrone`.
        cwd: Working folder.
        env: Variables to set, or to remove if None.
        prepare: Called in the new process before it becomes the command.
        fresh: Start a new interpreter, for what only its start reads, such as the locale.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        env: Mapping[str, str | None] | None = None,
        prepare: Callable[[], None] | None = None,
        fresh: bool = False,
    ) -> None:
        self._outputs = [Path(tempfile.mkstemp(prefix="torture-", dir=cwd.parent)[1]) for _ in range(2)]
        self._started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _become(arguments, cwd, env or {}, self._outputs, prepare, fresh)
            finally:
                os._exit(99)

    def kill(self, pid: int | None = None) -> None:
        """Kills one of its processes, or all of them."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL) if pid is None else os.kill(pid, signal.SIGKILL)

    def members(self) -> list[int]:
        """Returns the ids of its processes."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.getpgid(int(entry.name)) == self.pid:
                    found.append(int(entry.name))
            except OSError:
                continue
        return sorted(found)

    def wait(self, timeout: float = TIMEOUT) -> Ended:
        """Waits for the end; kills what runs longer, and what it has left behind."""
        code = self._poll(timeout)
        seconds = time.monotonic() - self._started
        self.kill()
        if code is None:
            os.waitpid(self.pid, 0)
        out, err = (path.read_text(encoding="utf-8", errors="replace") for path in self._outputs)
        for path in self._outputs:
            path.unlink()
        return Ended(code, out, err.replace("\r", "\n"), seconds)

    def _poll(self, timeout: float) -> int | None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        return None


def run(arguments: Sequence[str], cwd: Path, env: Mapping[str, str | None] | None = None) -> Ended:
    """Runs a command to its end."""
    return Process(arguments, cwd, env).wait()


def _become(
    arguments: Sequence[str],
    cwd: Path,
    env: Mapping[str, str | None],
    outputs: Sequence[Path],
    prepare: Callable[[], None] | None,
    fresh: bool,
) -> None:
    """Does what `python -m segdrone ARGUMENTS` does, up to its exit."""
    os.setsid()
    files = [os.open(os.devnull, os.O_RDONLY), *(os.open(path, os.O_WRONLY | os.O_APPEND) for path in outputs)]
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
    os.chdir(cwd)
    for name, value in env.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if prepare is not None:
        prepare()
    if fresh:
        os.execve(sys.executable, [sys.executable, "-m", "segdrone", *arguments], os.environ)
    sys.argv = ["segdrone", *arguments]
    sys.path.insert(0, str(cwd))
    run_and_exit(lambda: runpy.run_module("segdrone", run_name="__main__", alter_sys=True))
