"""Run trials of all kinds in several processes until the time is over."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from typing import Any

from benchmarks.torture.outcome import Kind, Outcome

from segdrone.utils.progress import progress_bar

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
_kinds: Mapping[str, Kind] = {}


def run_campaign(
    kinds: Mapping[str, Kind], start: int, deadline: float, workers: int, rounds: int | None = None
) -> dict[str, list[Outcome]]:
    """Runs trials with the seeds `start`, `start` + 1, ... of each kind, all kinds in turns by their shares.

    Args:
        kinds: The kinds of trials.
        start: First seed.
        deadline: When no further trials are started, by `time.monotonic`.
        workers: Number of processes.
        rounds: Batches of each kind; None for as many as there is time for.

    Returns:
        The outcomes of each kind.
    """
    global _kinds
    _kinds = kinds  # inherited by the forked workers
    outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
    spent = dict.fromkeys(kinds, 0.0)  # seconds, by share
    begun, running = dict.fromkeys(kinds, 0), dict[Future[Any], str]()
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
                left = [kind for kind in kinds if rounds is None or begun[kind] < rounds]
                if not left:
                    break
                name = min(left, key=lambda kind: spent[kind] if begun[kind] else -1.0)
                batch = kinds[name].batch
                first = start + begun[name] * batch
                running[pool.submit(_run, name, range(first, first + batch))] = name
                begun[name] += 1
                spent[name] += 0.5  # until it is known
            if not running:
                break
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                results, seconds = future.result()
                outcomes[name] += results
                for outcome in results:
                    if not outcome.held:
                        bar.write(f"FAILED {name}:{outcome.seed}: {outcome.detail}")
                spent[name] += seconds / kinds[name].share - 0.5
            failed = sum(not outcome.held for values in outcomes.values() for outcome in values)
            tried = sum(map(len, outcomes.values()))
            bar.set_postfix(tried=tried, failed=failed, refresh=False)
            bar.update(min(total, round(time.monotonic() - began)) - bar.n)
    return outcomes


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
