"""Report a finished sweep: a table, `comparison.csv`, `sweep.png` and the command of the best job."""

from __future__ import annotations

import csv
import math
import shlex

from hydra.core.override_parser.overrides_parser import OverridesParser

from segdrone.sweep.jobs import SCORES, Job, Sweep
from segdrone.utils.atomic import atomic_write

_SWEEP_OVERRIDES = ("search", "launcher", "output_dir")  # not for a single run


def report(sweep: Sweep) -> None:
    """Prints the jobs, best first, and why others have no score; writes `comparison.csv` and `sweep.png`.

    Jobs are ranked by the objective, a validation score. Test scores are only shown: a model that was chosen by them
    would no longer be tested by them.
    """
    failed = f", {len(sweep.failed)} without a score" if sweep.failed else ""
    print(f"\n{len(sweep.jobs)} jobs in {sweep.folder}{failed}")
    _write_csv(sweep)
    if sweep.scored:
        _print_table(sweep)
        _draw(sweep)
    for job in sweep.failed:
        print(f"no score: job {job.name}{_choices(sweep, job)}: {job.failure}")
    if sweep.scored:
        if len({job.objective for job in sweep.scored}) > 1:
            print(
                f"warning: jobs are ranked by {sweep.objective}: some had no validation, and their training scores are "
                "too high"
            )
        if differing := sweep.validated_differently():
            print(
                f"warning: jobs differ in {', '.join(differing)}, so their {sweep.objective} is not of the same "
                "photographs, classes, size or loss: the best of them need not be the best model"
            )
        best = sweep.scored[0]
        print(f"best: job {best.name}{_choices(sweep, best)} with {best.objective} {best.reached:.4f}; its command:")
        print(winning_command(best))


def winning_command(job: Job) -> str:
    """Returns the shell command that trains like a job of a sweep, as a single run, with its configuration files."""
    keys = [override.key_or_group for override in OverridesParser.create().parse_overrides(list(job.overrides))]
    kept = [text for key, text in zip(keys, job.overrides, strict=True) if key not in _SWEEP_OVERRIDES]
    return shlex.join(["segdrone", "train", *job.options, *kept])


def _choices(sweep: Sweep, job: Job) -> str:
    differing = " ".join(f"{key}={_short(job.choices[key])}" for key in sweep.parameters() if key in job.choices)
    return f" ({differing})" if differing else ""


def _short(value: float | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _print_table(sweep: Sweep) -> None:
    from rich.console import Console  # imported here, so that --help is fast
    from rich.table import Table
    from rich.text import Text

    parameters = sweep.parameters()
    rows = [
        (
            job.name,
            *(_short(job.choices.get(key, "")) for key in parameters),
            *(f"{score:.4f}" for score in (job.reached, *job.scores.values())),
        )
        for job in sweep.scored
    ]
    splits = " and ".join(sorted({job.split for job in sweep.scored}))
    table = Table(caption=f"best first; the scores on the right are those of the {splits} photographs at the end")
    for name, *cells in zip(("job", *parameters, sweep.objective, *SCORES), *rows, strict=True):
        table.add_column(name, overflow="fold", min_width=min(20, max(map(len, cells))))
    for row in rows:
        table.add_row(*map(Text, row))  # as Text, since [flips] is a value and not markup
    console = Console()
    Console(width=None if console.is_terminal else 200).print(table)


def _write_csv(sweep: Sweep) -> None:
    parameters = sweep.parameters()
    with (
        atomic_write(sweep.folder / "comparison.csv") as partial,
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["job", *parameters, "objective", "reached", *SCORES, "error"])
        for job in sweep.jobs:
            choices = (job.choices.get(key, "") for key in parameters)
            scores = (job.reached, *job.scores.values())
            writer.writerow([job.name, *choices, job.objective or sweep.objective, *scores, job.failure or ""])


def _draw(sweep: Sweep) -> None:
    from segdrone.figures import plot_sweep, save  # imported here, so that --help is fast

    choices = {key: [job.choices.get(key, "") for job in sweep.jobs] for key in sweep.parameters()}
    if choices:
        scores = [math.nan if job.failure else job.reached for job in sweep.jobs]
        save(plot_sweep(choices, scores, 0, sweep.objective), sweep.folder / "sweep.png")
