"""Notice that other programs use the processor, on which threads that wait for one another are then slow."""

from __future__ import annotations

import os


def busy_note(threads: int) -> str:
    """Returns what to do if the machine is busy; empty if it is not, or its load is unknown.

    Two threads on two cores that others use were three times as slow as one thread (epochs of 57 s and 16 s).

    Args:
        threads: Number of threads of this program.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return ""
    if threads < 2 or load < cores + 0.5:
        return ""
    return (
        f"other programs use this machine (load {load:.1f} on {cores} cores): while they do, fewer than {threads} "
        "threads are faster, such as OMP_NUM_THREADS=1 before the command"
    )
