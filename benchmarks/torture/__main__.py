"""Kill segdrone, fill its disk and damage its files, and count how often it keeps its promises (docs/reliability.md).

python -m benchmarks.torture                              ten minutes of all kinds of trials
python -m benchmarks.torture --minutes 60 --write         an hour; the table goes to benchmarks/results/torture.md
python -m benchmarks.torture --full --seed 1 --journal FILE     90,000 trials, some hours; stopped, it goes on
python -m benchmarks.torture --only kill                  only the kinds with this word in their name
python -m benchmarks.torture --list                       the names of all kinds
python -m benchmarks.torture --repeat "photographs by bytes:1234"     one trial again

Kinds of trials: commands are killed at random moments and at chosen file operations, meet a full disk at a chosen
operation, run twice at once, get odd names and odd machines; files of every kind that segdrone reads are changed by
bytes and by structure. A trial is made again by its kind and seed. Kills by time depend on the speed of the machine.
Kills by operation and full disks need a C compiler. Linux only.

Prints a table in Markdown, and each failing trial with the command that repeats it; also after Ctrl+C. Exit code 1 if a
trial failed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).parents[2]
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1", "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "agg",
}  # fmt: skip


def main() -> int:
    """Runs the command; returns its exit code."""
    options = _parse()
    from benchmarks.torture import preload

    work = Path(os.environ.get("TORTURE_WORK") or tempfile.mkdtemp(prefix="torture-"))
    if "TORTURE_WORK" not in os.environ:  # start again, with the library loaded
        library = preload.build(work)
        env = {**preload.environment(library), **_ENVIRONMENT, "TORTURE_WORK": str(work)}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.torture", *sys.argv[1:]], env)
    del os.environ["TORTURE_WORK"]
    os.environ["SEGDRONE_CACHE"] = str(work / "cache")
    try:
        return _run(options, work)
    finally:
        if options.keep:
            print(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


def _run(options: argparse.Namespace, work: Path) -> int:
    from benchmarks.torture import preload, report
    from benchmarks.torture.campaign import run_campaign
    from benchmarks.torture.journal import Journal
    from benchmarks.torture.kinds import all_kinds

    started = time.monotonic()
    kinds = all_kinds(work / "ground", preloaded=preload.is_loaded())
    if options.list:
        print("\n".join(kinds))
        return 0
    repeated, _, seed = (options.repeat or "").rpartition(":")
    chosen = [name for name in kinds if (name == repeated if repeated else any(word in name for word in options.only))]
    if not chosen or (repeated and not seed.isdigit()):
        print(f"error: no such trial: choose one of\n{chr(10).join(kinds)}", file=sys.stderr)
        return 2
    _make_ground(work)
    if repeated:
        outcome = kinds[repeated].run([int(seed)])[0]
        print(f"{'held' if outcome.held else 'FAILED'}: {outcome.detail}")
        return 0 if outcome.held else 1
    first = random.randrange(1 << 20) * 1000 if options.seed is None else options.seed
    print(f"seeds from {first} on (--seed {first} tries them again)", flush=True)
    limits = {name: -(-kinds[name].full // kinds[name].batch) for name in chosen} if options.full else {}
    limits |= {name: options.rounds for name in chosen if options.rounds}
    minutes = options.minutes if options.minutes is not None else 24 * 60 if options.full else 10
    deadline = started + 60 * minutes
    journal = Journal(options.journal)
    outcomes = run_campaign({name: kinds[name] for name in chosen}, first, deadline, options.workers, limits, journal)
    journal.rewrite(outcomes)
    outcomes = {name: outcomes[name] for name in chosen if outcomes.get(name)}
    print(report.table(outcomes), *report.failures(outcomes), sep="\n")
    if options.write:
        seed = "" if options.seed is not None else f" --seed {first}"
        command = f"python -m benchmarks.torture {' '.join(sys.argv[1:])}{seed}"
        path = REPO / "benchmarks" / "results" / "torture.md"
        spent = f"{(time.monotonic() - started) / 60:.0f} minutes"
        if options.full:
            tried = sum(map(len, outcomes.values()))
            spent = f"{tried:,} of {sum(kinds[name].full for name in chosen):,} trials"
        path.write_text(report.page(outcomes, command, spent))
        print(f"written to {path}")
    return int(any(not outcome.held for results in outcomes.values() for outcome in results))


def _make_ground(work: Path) -> None:
    """Imports what takes seconds, for all processes that are forked later, and makes what trials start from."""
    from benchmarks.torture.ground import make_ground
    from tests.helpers.commands import PRELOADED

    for module in (*PRELOADED, "av", "yaml", "pytest", "defusedxml.ElementTree", "safetensors.torch"):
        importlib.import_module(module)
    (work / "ground").mkdir(exist_ok=True)
    make_ground(work / "ground")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, help="no trial is started later (default: 10; with --full, a day)")
    parser.add_argument("--seed", type=int, help="seed of the first trial of each kind (default: random, and printed)")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="only kinds with one of these words")
    parser.add_argument("--rounds", type=int, help="batches of each kind (default: as many as there is time for)")
    parser.add_argument("--full", action="store_true", help="as many trials of each kind as a full campaign has")
    parser.add_argument("--journal", type=Path, help="keep outcomes in this file, and go on where it ends")
    parser.add_argument("--repeat", metavar="KIND:SEED", help="run one trial again")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: cores)")
    parser.add_argument("--list", action="store_true", help="print the names of all kinds")
    parser.add_argument("--keep", action="store_true", help="keep the working folder")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/torture.md")
    options = parser.parse_args()
    if options.journal is not None and not options.journal.absolute().parent.is_dir():
        parser.error(f"the folder of --journal {options.journal} does not exist: make it first")
    return options


if __name__ == "__main__":
    sys.exit(main())
