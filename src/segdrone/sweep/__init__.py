"""Sweeps: how their jobs are kept, read back and compared."""

from segdrone.sweep.callback import Comparison, EarlierRun
from segdrone.sweep.jobs import UNFINISHED, Job, Sweep, clear_failure, note_failure, read_sweep
from segdrone.sweep.report import report, winning_command

__all__ = [
    "UNFINISHED", "Comparison", "EarlierRun", "Job", "Sweep",
    "clear_failure", "note_failure", "read_sweep", "report", "winning_command",
]  # fmt: skip
