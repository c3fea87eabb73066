"""`segdrone data agreement`: compare the annotations of several people. Everything is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segdrone.cli.data_options import Quiet


def agreement(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="Files or folders exported by a labeling tool, or NAME=SOURCE to say who made it (default: as the "
            "tool says, else the name of the file).",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the photographs (default: beside the annotations).")
    ] = None,
    annotation_format: Annotated[
        str | None, typer.Option("--format", help="As for segdrone data import (default: recognized from the content).")
    ] = None,
    classes: Annotated[str | None, typer.Option(help="drone, or a class table (default: all labels).")] = None,
    background: Annotated[
        str | None, typer.Option(help="Class of pixels outside of all shapes (default: no label).")
    ] = None,
    orientation: Annotated[
        str, typer.Option(help="Shapes were drawn on photographs as displayed, or as stored: without their EXIF turn.")
    ] = "displayed",
    quiet: Quiet = False,
) -> None:
    """Measure how far people agree who annotated the same photographs.

        segdrone data agreement anna=anna.xml ben=ben.xml --images flights --out agreement

    For each two people: the share of pixels with the same class, Cohen's
    kappa (the agreement beyond that by chance; 1 is complete, 0 is chance),
    and the IoU of each class. Pixels that only one of them labeled are
    counted apart. One file is enough if it has several annotations of a
    photograph, as Label Studio and Labelbox write them.

    OUT gets agreement.json, agreement.csv (each photograph and class) and
    differences.png (the photographs that they agree least on).

    To take one of them into a dataset: segdrone data import SOURCE...
    --onto DATASET with --prefer NAME or --merge majority
    """
    from segdrone.annotations.corrections import CorrectionOptions, compare_annotators, print_agreement

    options = CorrectionOptions(
        images=images, annotation_format=annotation_format, background=background, orientation=orientation
    )
    print_agreement(compare_annotators(sources, out, options, classes=classes, progress=not quiet))
