"""All kinds of trials, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.torture import disturb
from benchmarks.torture.environments import odd_machine
from benchmarks.torture.jobs import JOBS
from benchmarks.torture.names import odd_names
from benchmarks.torture.outcome import Kind, Outcome

_DDP = "train, 2 processes"
_LONG = ("train", _DDP, "evaluate")
_FILES = {
    "photographs": 60, "masks": 60, "annotations": 30, "checkpoints": 10, "checkpoint settings": 10, "counts.npz": 30,
    "results": 20, "class tables": 60, "class groups": 40, "split lists": 60, "cache entries": 60, "videos": 10,
    "evaluating": 3, "resuming": 2, "exported models": 15,
}  # fmt: skip
"""Trials at once, by the name of a kind of file in `mutations.subjects`: about three seconds."""
_FULL = {
    "photographs": 13_200, "masks": 13_200, "annotations": 1800, "checkpoints": 1500, "checkpoint settings": 800,
    "counts.npz": 800, "results": 800, "class tables": 3000, "class groups": 3000, "split lists": 3000,
    "cache entries": 3000, "videos": 800, "evaluating": 60, "resuming": 20, "exported models": 600,
}  # fmt: skip
"""Trials of a full campaign, by bytes and by structure each."""

_TRIALS: dict[str, disturb.Trial] = {
    "kill by time": disturb.kill_by_time,
    "kill by operation": disturb.kill_by_operation,
    "full disk": disturb.full_disk,
    "two at once": disturb.twice,
    "odd names": odd_names,
    "odd machine": odd_machine,
}
_FULL_TRIALS = {"full disk": 40, "odd names": 25, "odd machine": 25, "two at once": 15}
_FULL_PAIRS = {
    "kill by time: train": 30, f"kill by time: {_DDP}": 50, "full disk: train": 80, f"full disk: {_DDP}": 10,
    "full disk: evaluate": 20, "full disk: predict": 80, "full disk: import": 80,
}  # fmt: skip
_NEED_LIBRARY = ("kill by operation", "full disk")


def all_kinds(ground: Path, *, preloaded: bool) -> dict[str, Kind]:
    """Returns the kinds of trials, in the order in which a short campaign tries them.

    First each kind of file and the service, then each disturbance and each command once, then all other pairs.

    Args:
        ground: From `make_ground`.
        preloaded: Whether the library that counts file operations is loaded.
    """
    kinds: dict[str, Kind] = {}
    for name, batch in _FILES.items():
        for by in ("bytes", "structure"):
            if by == "structure" or name not in ("checkpoint settings", "evaluating"):  # as for `checkpoints`
                kinds[f"{name} by {by}"] = Kind(partial(_mutations, ground, name, by), batch, 1.0, _FULL[name])
    kinds["requests to the service"] = Kind(partial(_requests, ground), 100, 1.0, 3000)
    kinds["kill by time: workers of the service"] = Kind(partial(_worker_kills, ground), 5, 1.0, 30)
    kinds["kill by time: service with jobs"] = Kind(partial(_service_kills, ground), 1, 1.0, 15)
    for verb, job in sorted(product(_TRIALS, JOBS), key=_rank):
        if _fits(verb, job) and (preloaded or verb not in _NEED_LIBRARY):
            share = 2.0 if job in _LONG else 1.0
            full = _FULL_PAIRS.get(f"{verb}: {job}", _FULL_TRIALS.get(verb, 20))
            kinds[f"{verb}: {job}"] = Kind(partial(disturb.run_disturbed, ground, job, _TRIALS[verb]), 1, share, full)
    return kinds


def _rank(pair: tuple[str, str]) -> int:
    """Returns when a pair is tried: two diagonals first, in which each disturbance and each command occur."""
    diagonal = ([*JOBS].index(pair[1]) - [*_TRIALS].index(pair[0])) % len(JOBS)
    return (2, 3, 4, 5, 1, 6, 7, 0)[diagonal]


def _fits(verb: str, job: str) -> bool:
    if verb == "odd names":
        return job in ("predict", "stats")
    return job != _DDP or verb not in ("two at once", "odd machine")


def _requests(ground: Path, seeds: Sequence[int]) -> list[Outcome]:
    from benchmarks.torture.requests import run_requests

    return run_requests(ground, seeds)


def _worker_kills(ground: Path, seeds: Sequence[int]) -> list[Outcome]:
    from benchmarks.torture.service_kills import kill_workers

    return kill_workers(ground, seeds)


def _service_kills(ground: Path, seeds: Sequence[int]) -> list[Outcome]:
    from benchmarks.torture.service_kills import kill_services

    return kill_services(ground, seeds)


def _mutations(ground: Path, name: str, by: str, seeds: Sequence[int]) -> list[Outcome]:
    from benchmarks.torture.mutations import run_mutations  # in a forked process: commands import segdrone anew

    return run_mutations(ground, name, by, seeds)
