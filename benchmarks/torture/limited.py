"""Run trials in a forked process with limits of time and memory, and say how each ended."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.torture.outcome import Outcome, TrialError

CPU_SECONDS = 10
"""Computing time of a trial: more is a hang. It does not depend on what else the machine does."""
_SECONDS = 240  # in all: more is a wait for something that never comes
MEMORY = 3 << 30
"""Bytes of address space beyond those of the process before: 2 GB beside the largest photograph that is read."""

READ, REFUSED, OTHER, CRASH, HANG, NO_MEMORY = "read", "refused", "other exception", "crash", "hang", "memory"


def run_limited(trial: Callable[[int], str], seeds: Sequence[int]) -> list[Outcome]:
    """Runs trials one after another in a forked process; after one that ends it, the others go on in a new one.

    Args:
        trial: Returns how a trial ended (`read`, `refused`), or raises.
        seeds: One for each trial.
    """
    outcomes: list[Outcome] = []
    while len(outcomes) < len(seeds):
        left = seeds[len(outcomes) :]
        ended, status = _fork(trial, left)
        outcomes += ended
        if len(ended) < len(left):
            outcomes.append(Outcome(left[len(ended)], False, _describe(status)))
    return outcomes


def _fork(trial: Callable[[int], str], seeds: Sequence[int]) -> tuple[list[Outcome], int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            _limit()
            with os.fdopen(writing, "w") as pipe:
                for seed in seeds:
                    pipe.write(json.dumps(_one(trial, seed)) + "\n")
                    pipe.flush()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        lines = [line for line in pipe if line.endswith("\n")]
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return [Outcome(*json.loads(line)) for line in lines], status


def _limit() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)  # decoders print what they think of a file
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _one(trial: Callable[[int], str], seed: int) -> Outcome:
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # nobody handles the signals: they end the process
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        return Outcome(seed, True, trial(seed))
    except TrialError as error:
        return Outcome(seed, False, str(error))
    except MemoryError:
        return Outcome(seed, False, f"{NO_MEMORY}: {_where()}")
    except Exception as error:
        text = " ".join(str(error).split())[:100]
        return Outcome(seed, False, f"{OTHER}: {type(error).__name__}: {text} ({_where()})")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _where() -> str:
    """Returns the innermost place in segdrone's own code that the current exception passed."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    own = [frame for frame in frames if "/segdrone/" in frame.filename]
    place = (own or frames)[-1]
    return f"{place.filename.rpartition('/segdrone/')[2]}:{place.lineno}"


def _describe(status: int) -> str:
    if status == -signal.SIGPROF:
        return f"{HANG}: more than {CPU_SECONDS} s of computing"
    if status == -signal.SIGALRM:
        return f"{HANG}: more than {_SECONDS} s"
    if status == -signal.SIGKILL:
        return f"{NO_MEMORY}: killed by the system"
    name = signal.Signals(-status).name if status < 0 else f"exit code {status}"
    return f"{CRASH}: {name}"
