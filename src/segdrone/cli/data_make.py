"""`segdrone data sample` and `import`: make datasets. Each command imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segdrone.cli.data_options import Quiet
from segdrone.cli.size import parse_size

_LARGEST_SCENE = 12_000  # pixels per side


def sample(
    out: Annotated[Path, typer.Argument(help="Folder to write to; created if it does not exist.")],
    count: Annotated[int, typer.Option(help="Number of scenes.")] = 60,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT in pixels, 64x64 to 12000x12000.")] = "1056x704",
    seed: Annotated[int, typer.Option(help="The same seed renders the same scenes.")] = 0,
    crowded: Annotated[
        bool,
        typer.Option(
            "--crowded", help="Add people, cars, bicycles and trees in groups that touch or cover one another."
        ),
    ] = False,
    region: Annotated[
        str,
        typer.Option(help="temperate, dry (yellow grass, sand, hard light) or winter (snow, bald trees, low sun)."),
    ] = "temperate",
    quiet: Quiet = False,
) -> None:
    """Render synthetic scenes, as a drone might photograph them, with their masks.

    They have the layout and the 23 classes of the Semantic Drone Dataset:
    original_images/, label_images_semantic/, class_dict_seg.csv; instances/
    numbers the people, cars, trees, ... of each scene. An interrupted command
    continues when it is started again. A seed gives the same places in every
    region, in other colors, textures and light.

    Train on them: segdrone train data.root=OUT
    """
    from segdrone.synthetic import write_scenes

    height, width = parse_size(size, "--size", largest=_LARGEST_SCENE)
    write_scenes(
        out,
        count=count,
        height=height,
        width=width,
        seed=seed,
        crowded=crowded,
        region=region,
        progress=not quiet,
    )


def import_(
    source: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="Files or folders exported by a labeling tool, such as one folder for each split.",
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder to write to; created if it does not exist.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the photographs (default: beside the annotations).")
    ] = None,
    annotation_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="labelme, labelme-xml, coco, coco-panoptic, cvat, cvat-video, label-studio, labelbox, darwin, encord, "
            "yolo, via, datumaro, supervisely or hasty (default: recognized from the content).",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="drone, or a class table such as classes.csv of an earlier import (default: all labels)."),
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="Class of pixels outside of all shapes (default: ignored, id 255).")
    ] = None,
    instances: Annotated[
        bool, typer.Option("--instances", help="Also write instances/, which numbers the things that the shapes show.")
    ] = False,
    orientation: Annotated[
        str, typer.Option(help="Shapes were drawn on photographs as displayed, or as stored: without their EXIF turn.")
    ] = "displayed",
    quiet: Quiet = False,
) -> None:
    """Convert the annotations of a labeling tool into a dataset to train on.

    OUT gets images/ (links to the photographs), masks/ and classes.csv,
    and train.txt, val.txt and test.txt if the export has such a split.
    Where shapes overlap, the one drawn later is on top; for CVAT the one
    with the higher z_order; for COCO the smaller one. With --instances each
    shape is a thing, and shapes of one group are one (LabelMe, CVAT);
    evaluation then scores single things.

    Train on it: segdrone train data=folder data.root=OUT
    """
    from segdrone.annotations import import_annotations, print_summary

    summary = import_annotations(
        source,
        out,
        images=images,
        annotation_format=annotation_format,
        classes=classes,
        background=background,
        orientation=orientation,
        instances=instances,
        progress=not quiet,
    )
    print_summary(summary)
