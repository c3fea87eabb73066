"""Run the project's commands in processes of their own, as a user would."""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import resource
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NoReturn, Protocol, Self

REPO = Path(__file__).parents[2]
TIMEOUT = 600.0  # seconds
_PYTHONPATH = os.environ.get("PYTHONPATH")

# What takes seconds to import. A server imports it once for all tests of a worker, and each command is a fork of the
# server: a process of its own in all else. Nothing of segdrone is here, so that each command imports it anew.
PRELOADED = [
    "torch", "torch._dynamo", "torch.utils.tensorboard", "torchvision", "lightning.pytorch", "torchmetrics",
    "segmentation_models_pytorch", "albumentations", "cv2", "hydra.main", "matplotlib.pyplot",
    "pycocotools.cocoeval", "onnxruntime", "jinja2", "rich.table", "typer",
]  # fmt: skip


def fork_context() -> ForkServerContext:
    """Return a context whose processes are forks of the server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


class Command(Protocol):
    """Runs a script of the repository (`train.py`) or a module (`segdrone`): see `run_command`."""

    def __call__(
        self,
        script: str,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        file_size_limit: int | None = None,
        fresh: bool = False,
    ) -> subprocess.CompletedProcess[str]: ...


def run_command(
    cwd: Path,
    script: str,
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    file_size_limit: int | None = None,
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for it.

    Args:
        cwd: Working directory.
        script: A script of the repository, or a module to run as `python -m`.
        arguments: Command-line arguments.
        env: Environment; by default this process's.
        file_size_limit: Bytes that no file may exceed (RLIMIT_FSIZE): what a full disk does.
        fresh: Start a new interpreter, which takes seconds to import torch, instead of forking one that has imported
            it. Always so where `PYTHONPATH` differs, which only a new interpreter reads.
    """
    environment = _environment(env)
    given = list(map(str, arguments))
    if fresh or environment.get("PYTHONPATH") != _PYTHONPATH:
        assert file_size_limit is None
        start = [str(REPO / script)] if script.endswith(".py") else ["-m", script]
        return subprocess.run(
            [sys.executable, *start, *given], cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT
        )
    with ForkedCommand(cwd, script, *given, env=environment, file_size_limit=file_size_limit) as process:
        return subprocess.CompletedProcess([script, *given], process.wait(), *process.outputs())


class ForkedCommand:
    """A command in the background, in a process forked from an interpreter that has imported what takes long.

    As a context manager it ends the process.

    Args:
        cwd: Working directory.
        script: A script of the repository, or a module to run as `python -m`.
        arguments: Command-line arguments.
        env: Environment; by default this process's.
        file_size_limit: Bytes that no file may exceed.

    Attributes:
        pid: Id of the process.
    """

    def __init__(
        self,
        cwd: Path,
        script: str,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        file_size_limit: int | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._outputs = [Path(self._folder.name) / name for name in ("stdout", "stderr")]
        given = list(map(str, arguments))
        self._process = fork_context().Process(
            target=_become, args=(script, given, cwd, _environment(env), self._outputs, file_size_limit)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.poll() is None:
            self._process.kill()
            self._process.join()
        self._folder.cleanup()

    def poll(self) -> int | None:
        """Return the exit code, or None if the process runs."""
        return self._process.exitcode

    def wait(self, timeout: float = TIMEOUT) -> int:
        """Return the exit code once the process has ended."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout, *self.outputs())
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def outputs(self) -> tuple[str, str]:
        """Return what the process has written to stdout and stderr so far."""
        out, err = (file.read_text(errors="replace") if file.exists() else "" for file in self._outputs)
        return out, err


def leave_files_in_memory() -> None:
    """Make `os.fsync` of this process wait for nothing.

    A run of all tests writes 17 GB, most of which is removed seconds later and need never reach the disk. That files
    are flushed is tested by the calls of `os.fsync`: no test ends the machine's power.
    """
    setattr(os, "fsync", lambda descriptor: None)  # noqa: B010  # an assignment fails the check of types


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    environment = dict(os.environ if env is None else env)
    environment.pop("SEGDRONE_TRACEBACKS", None)  # set where this process has imported the front door
    return environment


def _become(
    script: str,
    arguments: list[str],
    cwd: Path,
    environment: dict[str, str],
    outputs: list[Path],
    file_size_limit: int | None,
) -> None:
    """Do in this fork what `python SCRIPT` or `python -m MODULE` does, up to its exit."""
    gc.freeze()  # what the server has imported stays: the garbage collector need not look at it
    leave_files_in_memory()
    for file, descriptor in zip(outputs, (1, 2), strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    if file_size_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, file_size_limit))
    multiprocessing.set_start_method("fork", force=True)
    if script.endswith(".py"):
        path = str(REPO / script)
        sys.argv, sys.path[0] = [path, *arguments], str(Path(path).parent)
        run_and_exit(lambda: runpy.run_path(path, run_name="__main__"))
    sys.argv, sys.path[0] = [script, *arguments], str(cwd)
    run_and_exit(lambda: runpy.run_module(script, run_name="__main__", alter_sys=True))


def run_and_exit(main: Callable[[], object]) -> NoReturn:
    """Run a program in this fork, and end the fork as the interpreter ends after it."""
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def assert_one_line(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Assert that a command ended with exit code 2 and one error line that contains all parts."""
    assert result.returncode == 2, result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in errors[0], errors[0]
