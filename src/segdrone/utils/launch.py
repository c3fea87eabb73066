"""Find out which process of a run this is, from the launcher's environment variables; torch is not imported."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from segdrone.errors import ConfigError

# Hydra overrides for ranks above 0: no output folder, no log file.
_NONZERO_RANK_OVERRIDES = (
    "hydra.run.dir=.",
    "hydra.output_subdir=null",
    f"hydra.job_logging.handlers.file.filename={os.devnull}",
)
_SINGLE_JOB = "hydra.mode=RUN"  # overrides the mode that conf/search sets
GRACE_PERIOD = 5.0
"""Seconds that a failed process waits, so that another process that knows the cause can report it first."""


def is_rank_zero() -> bool:
    """Returns whether this is the first process of its run, or the only one."""
    if "RANK" in os.environ:  # set by torchrun
        return os.environ["RANK"] == "0"
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


def world_size() -> int:
    """Returns the number of processes that torchrun, SLURM or Lightning started for this run; 1 without them."""
    return int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_STEP_NUM_TASKS", "1")))


def rank_and_world_size() -> tuple[int, int]:
    """Returns this process's rank and the number of processes of its `torch.distributed` group.

    Without a group they are 0 and 1. torch is not imported to find out.

    Example:
        >>> rank_and_world_size()
        (0, 1)
    """
    dist = sys.modules.get("torch.distributed")
    if dist is not None and dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def command_line() -> str:
    """Returns the command of this process, as a shell takes it: `segdrone train ...`, or `python SCRIPT ...`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    package, _, name = (spec.name if spec is not None else "").rpartition(".")
    start = ["python", sys.argv[0]]
    if package == "segdrone.cli":
        start = ["segdrone", name]
    elif package == "segdrone" or Path(sys.argv[0]).stem == "segdrone":
        start = ["segdrone"]
    return shlex.join([*start, *sys.argv[1:]])


def silence_nonzero_ranks() -> None:
    """Makes a process of rank above 0 write no files and log only errors; call it before Hydra reads `sys.argv`.

    Raises:
        ConfigError: Several processes were started to run a sweep, whose jobs start their own processes.
    """
    is_sweep = any(argument in ("-m", "--multirun") or argument.startswith("search=") for argument in sys.argv[1:])
    if world_size() > 1 and is_sweep and _SINGLE_JOB not in sys.argv:
        raise ConfigError("a sweep starts the processes of each job itself: run it without torchrun or srun")
    if not is_rank_zero():
        sys.argv += _NONZERO_RANK_OVERRIDES
        logging.disable(logging.WARNING)
        logging.captureWarnings(True)


def wait_for_rank_zero() -> None:
    """Waits in ranks above 0, so that rank 0, if it fails too, reports the error and ends the others."""
    if not is_rank_zero():
        time.sleep(GRACE_PERIOD)


@contextmanager
def single_job_argv(overrides: Sequence[str]) -> Iterator[None]:
    """Sets `sys.argv` so that processes that Lightning starts run this job instead of the sweep it belongs to."""
    arguments = sys.argv
    sys.argv = [arguments[0], *overrides, _SINGLE_JOB]
    try:
        yield
    finally:
        sys.argv = arguments
