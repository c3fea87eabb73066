"""`segdrone data sample`, `import` and `cut`: make datasets. Each command imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from segdrone.cli.data_onto import (
    Merge,
    Onto,
    OntoBands,
    OntoEncoding,
    OntoLayout,
    OntoMasks,
    OntoStretch,
    OntoThreshold,
    OntoTolerance,
    OntoUnknown,
    Prefer,
    check_without_onto,
    import_onto,
)
from segdrone.cli.data_options import Bands, Quiet, Stretch, parse_channels
from segdrone.cli.size import parse_size
from segdrone.data.config import describe
from segdrone.errors import ConfigError

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
            metavar="SOURCE... OUT",
            help="Files or folders exported by a labeling tool, such as one folder for each split; then the folder to "
            "write to, which is created if it does not exist. With --onto there is no OUT, and NAME=SOURCE says who "
            "made a source.",
        ),
    ],
    onto: Onto = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the photographs (default: beside the annotations; with --onto, those of the dataset)."
        ),
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
        typer.Option(
            help="drone, or a class table such as classes.csv of an earlier import (default: all labels; with "
            "--onto, those of the dataset)."
        ),
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
    allow_missing_tiles: Annotated[
        bool,
        typer.Option(
            "--allow-missing-tiles",
            help="Ignore the pixels of tiles of export-labels --tile that are missing; with --onto, leave them as they "
            "are.",
        ),
    ] = False,
    sparse: Annotated[
        bool,
        typer.Option(
            "--sparse",
            help="Points and lines (LabelMe, CVAT, Label Studio) and brushes (Label Studio) are labels of a few "
            "pixels; pixels without a label are ignored.",
        ),
    ] = False,
    sparse_width: Annotated[
        int | None, typer.Option(help="Diameter of points and width of lines, in pixels (default: 10).")
    ] = None,
    spread: Annotated[
        str | None,
        typer.Option(
            metavar="superpixels",
            help="Spread the label of a point, line or brush over its superpixel (SLIC; extra classic).",
        ),
    ] = None,
    superpixel_width: Annotated[int | None, typer.Option(help="Width of a superpixel in pixels (default: 32).")] = None,
    prefer: Prefer = None,
    merge: Merge = None,
    masks: OntoMasks = None,
    layout: OntoLayout = None,
    mask_encoding: OntoEncoding = "auto",
    colour_tolerance: OntoTolerance = 0.0,
    mask_threshold: OntoThreshold = 127,
    unknown: OntoUnknown = "error",
    bands: OntoBands = None,
    stretch: OntoStretch = None,
    quiet: Quiet = False,
) -> None:
    """Convert the annotations of a labeling tool into a dataset, or take corrections into one.

    OUT gets images/ (links to the photographs), masks/ and classes.csv,
    and train.txt, val.txt and test.txt if the export has such a split.
    Where shapes overlap, the one drawn later is on top; for CVAT, Datumaro
    and Hasty the one with the higher z_order; for COCO the smaller one.
    With --instances each shape is a thing, and shapes of one group are one
    (LabelMe, CVAT, Datumaro); evaluation then scores single things. Tiles of
    segdrone data export-labels --tile become one mask per photograph:
    --images is the folder of the whole photographs.

    With --sparse a few clicks are enough to begin with: all that is not
    labeled is ignored, in training and in scores.

        segdrone data import clicks/ OUT --images flights --sparse --spread superpixels

    Train on it: segdrone train data=folder data.root=OUT

    With --onto, masks of a dataset are replaced by corrected ones, in the
    ids or colors that they have:

        segdrone data export-labels dataset --to cvat --out to_cvat
        ... correct the shapes in CVAT, export CVAT for images 1.1 ...
        segdrone data import corrected.xml --onto dataset

    The earlier masks are kept in corrections/DATE_TIME/before/ of the
    dataset, with corrections.json, changes.csv and changes.png; all masks
    are replaced or none. Labels and photographs that the dataset lacks are
    refused. If several people corrected a photograph, compare them with
    segdrone data agreement, and choose with --prefer or --merge.
    """
    dataset_options = {
        "masks": masks,
        "layout": layout,
        "mask_encoding": mask_encoding,
        "colour_tolerance": colour_tolerance,
        "mask_threshold": mask_threshold,
        "unknown": unknown,
        **parse_channels(bands, stretch)._asdict(),
    }
    common: dict[str, Any] = {
        "images": images,
        "annotation_format": annotation_format,
        "background": background,
        "orientation": orientation,
        "instances": instances,
        "allow_missing_tiles": allow_missing_tiles,
    }
    if onto is not None:
        if sparse or sparse_width is not None or spread is not None or superpixel_width is not None:
            raise ConfigError("--sparse does not go with --onto, as a few pixels are no corrected mask: leave one out")
        import_onto(source, onto, common, prefer or [], merge, {"classes": classes, **dataset_options}, quiet)
        return
    check_without_onto(prefer, merge, dataset_options)
    if len(source) < 2:
        raise ConfigError("give the folder to write to after the annotations, or a dataset to correct with --onto")
    from segdrone.annotations import import_annotations, print_summary
    from segdrone.annotations.sparse import parse_sparse

    summary = import_annotations(
        source[:-1],
        source[-1],
        **common,
        classes=classes,
        sparse=parse_sparse(sparse, sparse_width, spread, superpixel_width),
        progress=not quiet,
    )
    print_summary(summary)


def cut(
    rasters: Annotated[list[Path], typer.Argument(metavar="RASTER...", help=describe("rasters"))],
    labels: Annotated[list[str], typer.Option(help=f"{describe('labels')[:-1]}; may be given several times.")],
    out: Annotated[Path, typer.Option(help="Folder of the dataset, which appears when it is complete.")],
    class_attribute: Annotated[str | None, typer.Option(help=describe("class_attribute"))] = None,
    classes: Annotated[
        str | None, typer.Option(help=f"{describe('classes')[:-1]} (default: the values of the attribute).")
    ] = None,
    aoi: Annotated[str | None, typer.Option(help=describe("aoi"))] = None,
    block_m: Annotated[
        float | None, typer.Option(help=f"{describe('block_m')[:-1]} (default: 50, or a tile if that is larger).")
    ] = None,
    tile: Annotated[int, typer.Option(help=describe("map_tile"))] = 1024,
    gsd: Annotated[float | None, typer.Option(help=f"{describe('map_gsd')[:-1]} (default: their own).")] = None,
    bands: Bands = None,
    stretch: Stretch = None,
    test_share: Annotated[float, typer.Option(min=0, max=0.99, help="Share of all tiles to test on.")] = 0.1,
    val_share: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of the remaining tiles to validate on.")
    ] = 0.15,
    split_seed: Annotated[int, typer.Option(min=0, help="Seed of the split.")] = 42,
    quiet: Quiet = False,
) -> None:
    """Cut maps and their labels into a dataset of tiles to train on.

    Labels are polygons (GeoPackage, GeoJSON, Shapefile, FlatGeobuf, KML)
    with an attribute that names the class, or masks of ids on any grid;
    coordinate systems may differ. Ground is divided into square blocks, and
    a block with all its tiles, of every map, is in one split.
    Of polygons that overlap, the smaller one wins; of several files of
    labels, the last. What has no label, no data or is outside of --aoi is
    ignored. An interrupted command continues when it is started again.

    Train on it: segdrone train data=folder data.root=OUT; or cut and train
    in one: segdrone train data=geo data.rasters=[FILE] data.labels=[FILE]
    """
    from segdrone.data.maps.cut import cut_maps
    from segdrone.data.maps.options import CutOptions
    from segdrone.data.maps.summary import print_summary

    options = CutOptions(
        rasters=tuple(map(str, rasters)),
        labels=tuple(labels),
        attribute=class_attribute,
        classes=classes,
        aoi=aoi,
        block=block_m,
        tile=tile,
        gsd=gsd,
        test_share=test_share,
        val_share=val_share,
        split_seed=split_seed,
        channels=parse_channels(bands, stretch),
    )
    print_summary(cut_maps(options, out, progress=not quiet))
