"""What a command leaves undisturbed, made once for each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from benchmarks.torture.ground import start_trial
from benchmarks.torture.jobs import JOBS, OUT, digests
from benchmarks.torture.preload import Counter
from benchmarks.torture.process import run
from filelock import FileLock


class Reference(NamedTuple):
    """The undisturbed end of a job.

    Attributes:
        new: Digests of its results.
        older: Digests of the results of its older command; empty without one.
        older_folder: The `out/` of the older command; None without one.
        seconds: How long it ran.
        operations: File operations that it did below its working folder.
    """

    new: dict[str, str]
    older: dict[str, str]
    older_folder: Path | None
    seconds: float
    operations: int


def reference(ground: Path, name: str) -> Reference:
    """Returns the reference of a job, which the first of all processes to ask for it makes.

    Raises:
        RuntimeError: The command fails, undisturbed.
    """
    folder = ground / "references" / name.replace(", ", "-").replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done.json"
    with FileLock(folder / "lock"):
        if not done.exists():
            done.write_text(json.dumps(_make(ground, name, folder)))
    new, older, seconds, operations = json.loads(done.read_text())
    return Reference(new, older, folder / "older" / OUT if older else None, seconds, operations)


def _make(ground: Path, name: str, folder: Path) -> tuple[dict[str, str], dict[str, str], float, int]:
    job, older = JOBS[name], dict[str, str]()
    for part in ("older", "new"):
        shutil.rmtree(folder / part, ignore_errors=True)
    if job.older is not None:
        _run(job.older, start_trial(ground, folder / "older"), {})
        older = digests(job, folder / "older")
    counter = Counter(folder / "operations", start_trial(ground, folder / "new"))
    seconds = _run(job.arguments, folder / "new", counter.variables())
    new = digests(job, folder / "new")
    shutil.rmtree(folder / "new")
    return new, older, seconds, counter.value


def _run(arguments: tuple[str, ...], folder: Path, env: dict[str, str]) -> float:
    ended = run(arguments, folder, env)
    if ended.code != 0:
        raise RuntimeError(f"segdrone {' '.join(arguments)} ended with {ended.code}: {ended.err[-2000:]}")
    return ended.seconds
