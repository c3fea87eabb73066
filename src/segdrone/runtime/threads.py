"""Choose how many threads a runtime computes with on CPU."""

from __future__ import annotations

import os


def thread_count() -> int:
    """Returns `OMP_NUM_THREADS` if it is a number, as torch does, else the number of cores of this process."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
