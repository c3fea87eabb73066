"""`segdrone data pull`: corrected annotations from labeling tools that run. Everything is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def pull(
    address: Annotated[
        str, typer.Argument(metavar="URL", help="Address of the Label Studio or CVAT, such as http://localhost:8080.")
    ],
    tool: Annotated[str, typer.Option("--from", help="label-studio or cvat.")],
    project: Annotated[str, typer.Option(metavar="NAME_OR_NUMBER", help="Project in Label Studio, task in CVAT.")],
    out: Annotated[Path, typer.Option(help="File to write: .json of Label Studio, .xml of CVAT. It is replaced.")],
) -> None:
    r"""Fetch annotations from a labeling tool that runs, to import them.

    For example, with the token of Account & Settings, or of CVAT's profile:

        export LABEL_STUDIO_TOKEN=...
        segdrone data pull http://localhost:8080 --from label-studio --project flights --out corrected.json
        segdrone data import corrected.json dataset --images flights --classes predicted/masks/classes.csv

        export CVAT_ACCESS_TOKEN=...
        segdrone data pull https://cvat.example.org --from cvat --project flights --out corrected.xml

    Photographs are not fetched: give the import those that were sent. Label
    Studio's predictions that nobody has accepted are not in the file. CVAT
    needs the extra labels: pip install 'segdrone\[labels]'.

    Exit code 0 if the file is written; 2 and one line on stderr if not.
    """
    from segdrone.annotations.servers.push import pull_labels
    from segdrone.utils.console import one_line

    print(one_line(pull_labels(tool, address, project, out)))
