"""`segdrone data export-labels`: masks to labeling tools. Everything is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segdrone.cli.data_options import Bands, Quiet, Stretch, parse_channels
from segdrone.cli.size import parse_size
from segdrone.errors import ConfigError


def export_labels(
    masks: Annotated[
        list[Path],
        typer.Argument(
            metavar="MASKS...",
            help="Folders of segdrone predict, folders of masks with classes.csv, or datasets.",
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            help="cvat, label-studio, labelme, coco, coco-panoptic, voc (CVAT's segmentation mask), yolo, datumaro or "
            "via."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the photographs: names come from there, and sizes are compared."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--as", help="masks or polygons (default: masks, which keep each pixel; yolo and via: polygons)."),
    ] = None,
    simplify: Annotated[
        float,
        typer.Option(
            help="Move borders of polygons by about as many pixels, to get fewer points; neighbors keep their borders "
            "in common. Needs the extra geo."
        ),
    ] = 0,
    min_area: Annotated[
        int, typer.Option(help="Regions of fewer pixels are left out: they get the class of what is around them.")
    ] = 0,
    max_shapes: Annotated[
        int | None,
        typer.Option(
            help="Most shapes of a photograph, or of a tile (default: 1000; 254 for voc, 100 masks for label-studio). "
            "Where there are more, the smallest masks of a class become one, and the smallest polygons are left out."
        ),
    ] = None,
    tile: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="Cut larger photographs into tiles of at most so many pixels, which segdrone data import puts "
            "together again. OUT gets the tiles, and the photographs that are not cut. Needs --images.",
        ),
    ] = None,
    bands: Bands = None,
    stretch: Stretch = None,
    min_confidence: Annotated[
        float,
        typer.Option(
            help="Regions of a lower mean confidence, 0 to 1, have no shape: somebody draws them, or they stay "
            "ignored. For predictions made with --confidence."
        ),
    ] = 0,
    predictions: Annotated[
        bool,
        typer.Option(
            "--predictions",
            help="Label Studio: write predictions, which it copies to an annotation when a task is opened.",
        ),
    ] = False,
    classes: Annotated[
        str | None, typer.Option(help="drone, or a class table, for masks that have none beside them.")
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Also send photographs and shapes to the Label Studio or CVAT that runs there. Its token is "
            "LABEL_STUDIO_TOKEN or CVAT_ACCESS_TOKEN in the environment.",
        ),
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_NUMBER",
            help="Project in Label Studio, task in CVAT; made if it does not exist (default: the name of OUT).",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    r"""Write masks as shapes of a labeling tool, to correct them there.

    For example:

        segdrone predict best.ckpt flights/ --out predicted
        segdrone data export-labels predicted --to cvat --images flights --out to_cvat
        ... correct the shapes in CVAT, export CVAT for images 1.1 ...
        segdrone data import corrected.xml dataset --images flights --classes predicted/masks/classes.csv

    As masks, each pixel comes back. As polygons too, unless --simplify is
    given; then borders move by about as many pixels, without gaps and
    overlaps between neighbors. Holes are cut open, as no tool has them.

    Pixels that are ignored (no data, unlabeled) are in no shape. Things of
    instances/ (segdrone predict --panoptic) are shapes of their own.

    OUT gets, ready to be imported there:

        cvat           annotations.xml, labels.json (labels of the task, Raw)
        label-studio   tasks.json, label_config.xml (labeling interface, Code)
        labelme        annotations/NAME.json, labels.txt
        coco           annotations.json
        coco-panoptic  panoptic.json, panoptic/
        voc            SegmentationClass/, SegmentationObject/, labelmap.txt
        yolo           labels/NAME.txt, data.yaml
        datumaro       annotations/default.json
        via            via_project.json

    Tools get slow with 24 megapixels and thousands of shapes. With --tile
    2048x2048 they get tiles, in OUT/images (for voc OUT/JPEGImages):
    upload these. Keep their names; segdrone data import
    with --images flights then writes masks of whole photographs.

    With --push, they also go to a tool that runs, with their photographs:

        export LABEL_STUDIO_TOKEN=...    (Account & Settings)
        segdrone data export-labels predicted --to label-studio --images flights \
            --out to_correct --push http://localhost:8080 --project flights
        ... correct the shapes there ...
        segdrone data pull http://localhost:8080 --from label-studio --project flights --out corrected.json

    What is there already is left as it is: after an interruption, the same
    command sends the rest. The token goes to URL alone: redirects are errors.

    Exit code 0 if all is written and sent; 2 and one line on stderr if not.
    """
    from functools import partial

    from segdrone.annotations.export import export_labels as export
    from segdrone.utils.console import one_line

    write = partial(
        export,
        masks,
        out,
        to,
        images=images,
        kind=kind,
        simplify=simplify,
        min_area=min_area,
        max_shapes=max_shapes,
        tile=None if tile is None else parse_size(tile, "--tile"),
        channels=parse_channels(bands, stretch),
        min_confidence=min_confidence,
        predictions=predictions,
        classes=classes,
        progress=not quiet,
    )
    if push is None:
        if project is not None:
            raise ConfigError("--project is for --push URL: give both, or none")
        lines = write().lines()
    else:
        from segdrone.annotations.servers.push import push_labels

        summary, sent = push_labels(write, out, to, push, project, progress=not quiet)
        lines = [*summary.lines(), sent]
    for line in lines:
        print(one_line(line))
