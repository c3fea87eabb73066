"""`segdrone compare`: is one model better than another? Everything is imported at run time, so that --help is fast."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

_RESULTS = r"comparison(-[0-9]+)?\.(json|png)"


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...",
            help="Two or more folders written by segdrone evaluate or segdrone train.",
            show_default=False,
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for comparison.json and a plot of the classes.")] = None,
) -> None:
    """Compare evaluations with the first of them.

    For example:

        segdrone compare outputs/evaluate/A outputs/evaluate/B
        segdrone compare tutorial/ baseline/ best/ --out compared

    The photographs that all of them share are resampled many times, the
    same way for all evaluations (paired bootstrap). A difference counts as
    real if its interval, of 95 % of the resamples, has one sign. The
    intervals of single classes are wider, to correct for their number.

    Exit code 2 and one line on stderr if the evaluations cannot be compared,
    for example because they were made at different sizes.
    """
    from segdrone import figures
    from segdrone.evaluation.compare import compare as compare_evaluations
    from segdrone.evaluation.console import print_comparison
    from segdrone.utils.atomic import writable_dir, write_json
    from segdrone.utils.output_dir import exclusive_dir, staged_results

    comparisons = compare_evaluations(folders)
    for comparison in comparisons:
        print_comparison(comparison)
    if out is None:
        return
    earlier = [path.name for path in out.glob("comparison*") if re.fullmatch(_RESULTS, path.name)]
    with writable_dir(out), exclusive_dir(out), staged_results(out, earlier) as results:
        for number, comparison in enumerate(comparisons, 1):
            name = "comparison" if len(comparisons) == 1 else f"comparison-{number}"
            write_json({**comparison._asdict(), "sentence": comparison.sentence}, results.path / f"{name}.json")
            rows = sorted(comparison.classes, key=lambda row: -row["difference"])
            title = f"IoU by class: {comparison.second} less {comparison.first}"
            figures.save(figures.plot_differences(rows, title), results.path / f"{name}.png")
        results.commit()
    print(f"written to {out}")
