"""Record, read and compare the jobs of a sweep."""

from segdrone.sweep.compare_at_end import CompareAtEnd
from segdrone.sweep.jobs import UNFINISHED, Job, Sweep, clear_failure, note_failure, read_sweep
from segdrone.sweep.report import report, winning_command

__all__ = [
    "UNFINISHED", "CompareAtEnd", "Job", "Sweep",
    "clear_failure", "note_failure", "read_sweep", "report", "winning_command",
]  # fmt: skip
