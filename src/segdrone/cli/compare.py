"""`segdrone compare`: is one model better than another?

What the command calls is imported when it runs, so that `--help` comes at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Two or more that evaluate.py or train.py wrote.", show_default=False),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for comparison.json and a picture of the classes.")] = None,
) -> None:
    """Compare evaluations of the same photographs with the first of them.

    For example:

        segdrone compare outputs/evaluate/A outputs/evaluate/B
        segdrone compare tutorial/ baseline/ best/ --out compared

    Photographs are drawn again and again, the same for all (paired bootstrap):
    a difference is real if it keeps its sign in 95 % of the draws, or else
    cannot be told. Classes have wider intervals, since there are many of them.

    Exit code 2 and one line on stderr if they cannot be compared, such as
    evaluations at different sizes.
    """
    from segdrone import figures
    from segdrone.evaluation.compare import compare as compared
    from segdrone.evaluation.console import print_comparison
    from segdrone.utils.atomic import writable_dir, write_json

    comparisons = compared(folders)
    for number, comparison in enumerate(comparisons, 1):
        print_comparison(comparison)
        if out is not None:
            name = "comparison" if len(comparisons) == 1 else f"comparison-{number}"
            with writable_dir(out):
                content = {**comparison._asdict(), "sentence": comparison.sentence}
                write_json(content, out / f"{name}.json")
                rows = sorted(comparison.classes, key=lambda row: -row["difference"])
                title = f"IoU by class: {comparison.second} less {comparison.first}"
                figures.save(figures.plot_differences(rows, title), out / f"{name}.png")
    if out is not None:
        print(f"written to {out}")
