"""Run trials of all kinds in several processes until the time is over."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from typing import Any

from benchmarks.torture.journal import Journal
from benchmarks.torture.outcome import Kind, Outcome

from segdrone.utils.progress import progress_bar

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
_kinds: Mapping[str, Kind] = {}


def run_campaign(
    kinds: Mapping[str, Kind], start: int, deadline: float, workers: int, limits: Mapping[str, int], journal: Journal
) -> dict[str, list[Outcome]]:
    """Runs trials with the seeds `start`, `start` + 1, ... of each kind, all kinds in turns by their shares.

    Args:
        kinds: The kinds of trials.
        start: First seed.
        deadline: When no further trials are started, by `time.monotonic`.
        workers: Number of processes.
        limits: Most batches of each kind; a kind without one has as many as there is time for.
        journal: Where outcomes are kept; trials that it has are not tried again.

    Returns:
        The outcomes of each kind, with those of the journal.
    """
    global _kinds
    _kinds = kinds  # inherited by the forked workers
    outcomes = defaultdict(list, journal.read())
    spent = dict.fromkeys(kinds, 0.0)  # seconds, by share
    left = {name: _batches(kind, start, limits.get(name), outcomes[name]) for name, kind in kinds.items()}
    running, ahead = dict[Future[Any], str](), {name: next(batches, None) for name, batches in left.items()}
    total = round(deadline - time.monotonic())
    began = time.monotonic()
    context = multiprocessing.get_context("fork")
    with (
        suppress(KeyboardInterrupt),
        ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool,
        progress_bar(total=total, desc="torture", bar_format=_BAR) as bar,
    ):
        while True:
            while len(running) < workers and time.monotonic() < deadline:
                waiting = {name: seeds for name, seeds in ahead.items() if seeds}
                if not waiting:
                    break
                name = min(waiting, key=spent.__getitem__)
                running[pool.submit(_run, name, waiting[name])] = name
                ahead[name] = next(left[name], None)
                spent[name] += 0.5  # until it is known
            if not running:
                break
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                results, seconds = future.result()
                outcomes[name] += results
                journal.add(name, results)
                for outcome in results:
                    if not outcome.held:
                        bar.write(f"FAILED {name}:{outcome.seed}: {outcome.detail}")
                spent[name] += seconds / kinds[name].share - 0.5
            failed = sum(not outcome.held for values in outcomes.values() for outcome in values)
            tried = sum(map(len, outcomes.values()))
            bar.set_postfix(tried=tried, failed=failed, refresh=False)
            bar.update(min(total, round(time.monotonic() - began)) - bar.n)
    return outcomes


def _batches(kind: Kind, start: int, limit: int | None, done: Sequence[Outcome]) -> Iterator[Sequence[int]]:
    """Yields the seeds of each batch of a kind that is not among those done."""
    known = {outcome.seed for outcome in done}
    for index in itertools.count() if limit is None else range(limit):
        seeds = range(start + index * kind.batch, start + (index + 1) * kind.batch)
        if not known.issuperset(seeds):
            yield seeds


def _start_worker() -> None:
    """Leaves Ctrl+C to the first process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(name: str, seeds: Sequence[int]) -> tuple[list[Outcome], float]:
    """Runs a batch in a fork of the worker, since mutations import segdrone, which commands must import anew."""
    started = time.monotonic()
    reading, writing = multiprocessing.Pipe(duplex=False)
    if (pid := os.fork()) == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            writing.send(_kinds[name].run(seeds))
        finally:
            os._exit(0)
    writing.close()
    try:
        outcomes = reading.recv()
    except EOFError:
        outcomes = [Outcome(seed, False, "the trial itself ended early") for seed in seeds]
    os.waitpid(pid, 0)
    return outcomes, time.monotonic() - started
