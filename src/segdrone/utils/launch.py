"""Which process of a run this is, by what started it; torch need not be there to ask."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from segdrone.errors import ConfigError

# What the processes beside the first do without: a folder of their own, and files in it.
_BESIDE = (
    "hydra.run.dir=.",
    "hydra.output_subdir=null",
    f"hydra.job_logging.handlers.file.filename={os.devnull}",
)
_ALONE = "hydra.mode=RUN"  # which conf/search sets otherwise
GRACE_PERIOD = 5.0  # seconds that a process with an error leaves to another that may know better, and then ends it


def is_rank_zero() -> bool:
    """Tells whether this is the first process of its run, or the only one."""
    if "RANK" in os.environ:  # of torchrun
        return os.environ["RANK"] == "0"
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


def world_size() -> int:
    """Returns how many processes torchrun, SLURM or Lightning started to be one run; 1 where none did."""
    return int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_STEP_NUM_TASKS", "1")))


def rank_and_world_size() -> tuple[int, int]:
    """Returns this process's rank and the number of processes of its `torch.distributed` group.

    0 and 1 where there is no group; torch is not imported to find out.

    Example:
        >>> rank_and_world_size()
        (0, 1)
    """
    dist = sys.modules.get("torch.distributed")
    if dist is not None and dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def silence_nonzero_ranks() -> None:
    """Makes a process beside the first write no files, and say nothing but errors; for Hydra to read `sys.argv` then.

    Raises:
        ConfigError: All processes were started to run a sweep, each of whose jobs starts its own.
    """
    sweeps = any(argument in ("-m", "--multirun") or argument.startswith("search=") for argument in sys.argv[1:])
    if world_size() > 1 and sweeps and _ALONE not in sys.argv:
        raise ConfigError("a sweep starts the processes of each job itself: run it without torchrun or srun")
    if not is_rank_zero():
        sys.argv += _BESIDE
        logging.disable(logging.WARNING)
        logging.captureWarnings(True)


def wait_for_rank_zero() -> None:
    """Lets the first process, if it fails like this one, say so and end all others."""
    if not is_rank_zero():
        time.sleep(GRACE_PERIOD)


@contextmanager
def single_job_argv(overrides: Sequence[str]) -> Iterator[None]:
    """Makes the processes that Lightning starts run this job, not the sweep that it belongs to."""
    arguments = sys.argv
    sys.argv = [arguments[0], *overrides, _ALONE]
    try:
        yield
    finally:
        sys.argv = arguments
