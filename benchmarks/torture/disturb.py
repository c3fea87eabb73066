"""Trials of commands that are killed, meet a full disk, or run twice at once in one folder."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.torture.ground import start_trial
from benchmarks.torture.jobs import JOBS, OUT
from benchmarks.torture.outcome import Outcome, TrialError, check
from benchmarks.torture.preload import Counter
from benchmarks.torture.process import Ended, Process
from benchmarks.torture.promises import check_equal, check_text, check_untouched, check_whole, go_on
from benchmarks.torture.reference import Reference, reference

Trial = Callable[[str, Path, Reference, bool, random.Random], str]


def run_disturbed(ground: Path, name: str, trial: Trial, seeds: Sequence[int]) -> list[Outcome]:
    """Runs trials of a command, half of them over the results of an older command."""
    outcomes = []
    for seed in seeds:
        rng = random.Random(seed)
        folder = ground.parent / f"trial-{name.replace(', ', '-').replace(' ', '-')}-{seed}-{time.monotonic_ns()}"
        try:
            kept = reference(ground, name)
            start_trial(ground, folder)
            is_replaced = kept.older_folder is not None and rng.random() < 0.5
            if is_replaced and kept.older_folder is not None:
                shutil.copytree(kept.older_folder, folder / OUT)
            outcomes.append(Outcome(seed, True, trial(name, folder, kept, is_replaced, rng)))
        except (TrialError, RuntimeError) as error:
            outcomes.append(Outcome(seed, False, str(error)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return outcomes


def kill_by_time(name: str, folder: Path, kept: Reference, replaced: bool, rng: random.Random) -> str:
    """Kills the command at a random moment: all of its processes, or one of them."""
    process = Process(JOBS[name].arguments, folder)
    time.sleep(rng.uniform(0, kept.seconds * 1.05))
    members = process.members()
    process.kill(rng.choice(members) if len(members) > 1 and rng.random() < 0.5 else None)
    return _check_killed(process.wait(), name, folder, kept, replaced)


def kill_by_operation(name: str, folder: Path, kept: Reference, replaced: bool, rng: random.Random) -> str:
    """Kills the command at a random write, fsync, rename or opening of a file; half of a write is done."""
    counter = Counter(folder.with_suffix(".counter"), folder)
    process = Process(JOBS[name].arguments, folder, counter.variables("kill", rng.randint(1, kept.operations)))
    ended = process.wait()
    Path(counter.path).unlink()
    return _check_killed(ended, name, folder, kept, replaced)


def _check_killed(ended: Ended, name: str, folder: Path, kept: Reference, replaced: bool) -> str:
    """Checks what a killed command has left, and that the next one goes on from it."""
    check(ended.code is not None, "hang: the processes that were left did not end")
    check_whole(name, folder, kept, replaced=replaced)
    go_on(name, folder, kept)
    return "killed" if ended.code else "finished before"


def full_disk(name: str, folder: Path, kept: Reference, replaced: bool, rng: random.Random) -> str:
    """Lets the disk be full at a random operation, once or from then on."""
    counter = Counter(folder.with_suffix(".counter"), folder)
    at, action = rng.randint(1, kept.operations), rng.choice(("once", "full", "full"))
    ended = Process(JOBS[name].arguments, folder, counter.variables(action, at)).wait()
    Path(counter.path).unlink()
    check_text(ended)
    if ended.code == 0 and not name.startswith("train"):
        check_equal(name, folder, kept)
        return "not noticed"
    check_whole(name, folder, kept, replaced=replaced)
    if replaced and JOBS[name].replaces:
        check_untouched(name, folder, kept) if not (folder / OUT / ".finished").is_dir() else None
    go_on(name, folder, kept)
    return "failed in one line"


def twice(name: str, folder: Path, kept: Reference, replaced: bool, rng: random.Random) -> str:
    """Runs the command twice at once: both finish, or one is refused."""
    first = Process(JOBS[name].arguments, folder)
    time.sleep(rng.choice((0.0, rng.uniform(0, kept.seconds))))
    second = Process(JOBS[name].arguments, folder)
    ends = [second.wait(), first.wait()]
    for ended in ends:
        check_text(ended)
    check(any(ended.code == 0 for ended in ends), f"both of two commands failed: {ends[0].err[-200:]}")
    check_equal(name, folder, kept)
    return "both finished" if all(ended.code == 0 for ended in ends) else "one was refused"
