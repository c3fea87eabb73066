"""All kinds of trials, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.torture import disturb
from benchmarks.torture.environments import odd_machine
from benchmarks.torture.jobs import JOBS
from benchmarks.torture.names import odd_names
from benchmarks.torture.outcome import Kind, Outcome

_FILES = {
    "photographs": 60, "masks": 60, "annotations": 30, "checkpoints": 10, "checkpoint settings": 10, "counts.npz": 30,
    "results": 20, "class tables": 60, "class groups": 40, "split lists": 60, "cache entries": 60, "videos": 10,
    "evaluating": 3, "resuming": 2,
}  # fmt: skip
"""Trials at once, by the name of a kind of file in `mutations.subjects`: about three seconds."""


def all_kinds(ground: Path, *, preloaded: bool) -> dict[str, Kind]:
    """Returns the kinds of trials, those first that take longest.

    Args:
        ground: From `make_ground`.
        preloaded: Whether the library that counts file operations is loaded.
    """
    kinds: dict[str, Kind] = {}
    for verb, trial in (
        ("kill by time", disturb.kill_by_time),
        ("kill by operation", disturb.kill_by_operation),
        ("full disk", disturb.full_disk),
        ("two at once", disturb.twice),
    ):
        for job in JOBS:
            if (preloaded or trial in (disturb.kill_by_time, disturb.twice)) and not (
                job == "train, 2 processes" and trial is disturb.twice
            ):
                share = 2.0 if job in ("train", "evaluate", "train, 2 processes") else 1.0
                kinds[f"{verb}: {job}"] = Kind(partial(disturb.run_disturbed, ground, job, trial), 1, share)
    for job in ("predict", "stats"):
        kinds[f"odd names: {job}"] = Kind(partial(disturb.run_disturbed, ground, job, odd_names), 1, 1.0)
    for job in ("train", "evaluate", "predict", "import", "stats", "sample"):
        kinds[f"odd machine: {job}"] = Kind(partial(disturb.run_disturbed, ground, job, odd_machine), 1, 1.0)
    for name, batch in _FILES.items():
        for by in ("bytes", "structure"):
            if by == "structure" or name not in ("checkpoint settings", "evaluating"):  # as for `checkpoints`
                kinds[f"{name} by {by}"] = Kind(partial(_mutations, ground, name, by), batch, 1.0)
    return kinds


def _mutations(ground: Path, name: str, by: str, seeds: Sequence[int]) -> list[Outcome]:
    from benchmarks.torture.mutations import run_mutations  # in a forked process: commands import segdrone anew

    return run_mutations(ground, name, by, seeds)
