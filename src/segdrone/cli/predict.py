"""`segdrone predict`: masks of photographs and videos. Everything is imported at run time, so that --help is fast."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from segdrone.cli import map_options
from segdrone.cli.map_options import MapOptions
from segdrone.cli.size import parse_size
from segdrone.errors import ConfigError
from segdrone.utils.console import one_line

log = logging.getLogger(__name__)


def predict(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Checkpoint or .npz of segdrone train, .onnx or .xml of its export, or the included model: scenes.",
        ),
    ],
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="Photographs, maps, videos, folders, patterns, addresses.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    scale: Annotated[
        float | None, typer.Option(help="1: photographs at their own size, 0.5: at half of it (default: as trained).")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            help="WIDTHxHEIGHT in pixels of a window of the network (default: as trained, twice with an instance head)."
        ),
    ] = None,
    overlap: Annotated[float, typer.Option(help="Overlap of neighboring windows, as a share of one, 0 to 0.9.")] = 0.25,
    augment: Annotated[
        str, typer.Option(help="Test-time augmentation: none, flips (4 times the time) or symmetries (8 times).")
    ] = "none",
    scales: Annotated[
        str, typer.Option(help="Average over windows resized by these factors, such as 0.75,1,1.25.")
    ] = "1",
    device: Annotated[
        str,
        typer.Option(help="auto, cpu, cuda, cuda:1; for .xml files GPU, NPU, ... (default: a GPU if there is one)."),
    ] = "auto",
    spec: Annotated[
        Path | None, typer.Option(help="JSON file that describes an .onnx or .xml model of another program.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Windows per batch (default: 1 on a CPU, as many as fit on a GPU).")
    ] = None,
    min_area: Annotated[
        str, typer.Option(help="Remove connected components with fewer pixels: 64, or per class car=200,person=30.")
    ] = "0",
    fill_holes: Annotated[int, typer.Option(help="Fill holes of at most this many pixels.")] = 0,
    refine: Annotated[
        int, typer.Option(help="Move class borders to edges in the photograph, by at most this many pixels.")
    ] = 0,
    objects: Annotated[
        bool,
        typer.Option("--objects", help="Count connected components of persons, cars, ... and write them as COCO JSON."),
    ] = False,
    object_class: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only objects of this class; can be given several times.")
    ] = None,
    colours: Annotated[
        bool, typer.Option("--colours/--no-colours", help="Write masks in the colors of the classes.")
    ] = True,
    overlays: Annotated[bool, typer.Option("--overlays/--no-overlays", help="Write overlays with a legend.")] = True,
    confidence: Annotated[
        bool,
        typer.Option(
            "--confidence", help="Write the probability of each pixel's class, before clean-up; 255 is certain."
        ),
    ] = False,
    regions: Annotated[
        bool,
        typer.Option("--regions", help="Write the regions of each class as polygons, in GeoJSON (pixels, y down)."),
    ] = False,
    panoptic: Annotated[
        bool,
        typer.Option(
            "--panoptic",
            help="Tell things apart, also those that touch: instance maps, COCO panoptic, counts and areas. For models "
            "trained with model.instances=true; for others a thing is a connected component.",
        ),
    ] = False,
    geotiff: map_options.Geotiff = False,
    polygons: map_options.Polygons = None,
    simplify: map_options.Simplify = 0,
    min_area_m2: map_options.MinAreaM2 = 0,
    zones: map_options.Zones = None,
    gsd: map_options.Gsd = None,
    bands: map_options.Bands = None,
    stretch: map_options.Stretch = None,
    remote: map_options.Remote = False,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Write the masks of photographs also as shapes of a labeling tool, to labels/: cvat, label-studio, "
            "labelme, coco, ... (segdrone data export-labels has more options).",
        ),
    ] = None,
    smooth: Annotated[int, typer.Option(help="Videos: majority vote of each pixel over this many frames.")] = 1,
    redo: Annotated[
        bool,
        typer.Option(
            "--redo", help="Predict finished photographs and maps again, also with other options than before."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")] = False,
) -> None:
    """Predict the masks of photographs and maps of any size, and of videos.

    For example:

        segdrone predict best.ckpt photograph.jpg --out predicted
        segdrone predict best.onnx photograph.jpg --out predicted
        segdrone predict best.npz photograph.jpg --out predicted
        segdrone predict best.ckpt flights/ --out predicted
        segdrone predict best.ckpt 'flights/**/DJI_*.JPG' --out predicted
        segdrone predict best.ckpt flights/ --out counted --objects --min-area 64
        segdrone predict best.ckpt flights/ --out counted --panoptic
        segdrone predict best.ckpt flights/ --out slow --augment symmetries --refine 8
        segdrone predict best.ckpt video.mp4 --out predicted --smooth 5
        segdrone predict best.onnx orthomosaic.tif --out mapped --polygons gpkg --simplify 0.1
        segdrone predict best.onnx orthomosaic.tif --out mapped --zones parcels.gpkg --gsd auto

    Folders are searched recursively, also for videos. OUT has the same subfolders:

        masks/sub/NAME.png       class ids
        masks/classes.csv        names and colors of the classes
        colours/sub/NAME.png     class colors
        overlays/sub/NAME.jpg    photograph, mask and legend
        confidence/sub/NAME.png  with --confidence
        regions/sub/NAME.geojson with --regions
        objects/sub/NAME.json    with --objects or --panoptic
        instances/sub/NAME.png   with --panoptic: number of the thing, 16 bit
        panoptic/sub/NAME.png, .json  with --panoptic: COCO panoptic
        labels/                  with --labels: files to import into the labeling tool
        summary.csv              one row per photograph: share of each class, confidence, objects, time,
                                 area of the ground, and what segdrone monitor compares
        totals.csv               one row per class: share of all photographs together, objects
        predict.json             the options of the predictions
        manifest.jsonl           sizes and digests of the files, by which finished ones are known
        changed/                 masks and layers that somebody changed, when they are made again
        films/sub/NAME.mp4, .csv video with its masks; one row per frame: share of each class
        films/sub/NAME.json      settings, statistics, number of things (--panoptic)
        maps/sub/NAME_mask.tif, NAME_confidence.tif   maps: GeoTIFFs on the same grid
        maps/sub/NAME_areas.csv, .json, NAME_map.html square meters of each class, a page to look at
        maps/sub/NAME_polygons.gpkg                   with --polygons

    An interrupted command continues when it is started again. Files that are
    missing, cut short or changed since are made again; --redo makes all again.

    Exit code 0 if everything is predicted; 1 if some of it failed, with
    one line on stderr for each; 2 if nothing can be predicted.
    """
    from segdrone.geo.inputs import remote_maps, split_maps
    from segdrone.inference.inputs import Inputs, find_files
    from segdrone.inference.predict_videos import choose_videos, predict_videos
    from segdrone.raster.map_address import is_remote
    from segdrone.utils.openmp import sleep_while_waiting

    sleep_while_waiting()
    for_maps = MapOptions(geotiff, polygons, simplify, min_area_m2, zones, gsd, bands, stretch, remote)
    addresses = [given for given in inputs if is_remote(given)]
    local = [given for given in inputs if not is_remote(given)]
    images, found = find_files(local, out) if local else Inputs([], [])  # fails before the model is loaded
    videos = choose_videos(found, local, smooth, required=not images and not addresses)
    images, maps = split_maps(images, as_maps=for_maps.as_maps)
    maps += remote_maps(addresses, maps)
    whole_masks = {"--min-area": min_area != "0", "--fill-holes": fill_holes > 0, "--refine": refine > 0}
    others = {"--objects": objects, "--panoptic": panoptic, "--regions": regions}
    for_maps.check(bool(images), bool(maps), scale, _given(whole_masks), _given(others))
    counted = {"--objects": objects, "--object-class": bool(object_class)} if not panoptic else {}
    not_of_videos = counted | {"--regions": regions, "--confidence": confidence, "--gsd": gsd is not None}
    if videos and (unused := _given(not_of_videos)):
        log.warning(
            "%s: not for videos, which are predicted without; --panoptic counts their things, --scale sets their scale",
            ", ".join(unused),
        )
    from segdrone.classes import thing_classes
    from segdrone.inference import Predictor
    from segdrone.inference.cleanup import Cleanup, parse_min_area
    from segdrone.inference.predict_folder import PredictSummary, predict_folder
    from segdrone.runtime.threads import thread_count
    from segdrone.utils.load import busy_note
    from segdrone.utils.memory import keep_freed_memory

    if labels is not None:
        from segdrone.annotations.export import LABEL_FORMATS, export_labels

        if labels not in LABEL_FORMATS:
            raise ConfigError(f"--labels {labels} is not a format: choose one of {', '.join(LABEL_FORMATS)}")
        if not images:
            raise ConfigError("--labels is for photographs, and the inputs have none: leave it out")
    cleanup = Cleanup(min_area=parse_min_area(min_area, "--min-area"), fill_holes=fill_holes, refine=refine)
    size = None if window is None else parse_size(window, "--window")
    options: dict[str, Any] = {"scale": scale, "overlap": overlap, "augment": augment, "batch_size": batch_size}
    options["scales"] = _scales(scales)
    keep_freed_memory()
    if not quiet and (note := busy_note(thread_count())):
        print(note, file=sys.stderr)
    predictor = Predictor.from_file(model, window=size, device=device, spec=spec, **options)
    classes = object_class or (thing_classes(predictor.table) if objects or panoptic else [])
    if (objects or (panoptic and videos)) and not classes:
        raise ConfigError(
            f"{'--objects' if objects else '--panoptic'}: no class of the model is an object such as person or car: "
            "name one with --object-class"
        )
    summaries: list[PredictSummary] = []
    shared: dict[str, Any] = {"cleanup": cleanup, "redo": redo, "progress": not quiet}
    try:
        if images:
            outputs: dict[str, Any] = {"colours": colours, "overlays": overlays}
            outputs |= {"confidence": confidence, "regions": regions, "panoptic": panoptic}
            outputs |= {"places": geotiff, "gsd": gsd}
            summaries.append(predict_folder(predictor, images, out, objects=classes, **outputs, **shared))
            if labels is not None and not summaries[-1].failed.keys() >= {image.path for image in images}:
                labeled = export_labels(out, out / "labels", labels, progress=not quiet)
                if not quiet:
                    print("\n".join(labeled.lines()))
        if maps:
            summaries.append(for_maps.predict(predictor, maps, out, redo=redo, progress=not quiet))
        if videos:
            summaries.append(
                predict_videos(predictor, videos, out, smooth=smooth, things=classes if panoptic else [], **shared)
            )
    except KeyboardInterrupt:
        without = " without --redo" if redo else ""
        print(f"interrupted: run the same command{without} again to continue in {out}", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:  # also where labels, maps or videos fail afterwards
        for reason in (reason for summary in summaries for reason in summary.failed.values()) if quiet else ():
            print(f"error: {one_line(reason)}", file=sys.stderr)
    predicted, skipped = sum(summary.predicted for summary in summaries), sum(summary.skipped for summary in summaries)
    failed = sum(len(summary.failed) for summary in summaries)
    if not quiet:
        print(f"{predicted} predicted, {skipped} done before, {failed} failed: see {out}")
    raise typer.Exit(1 if failed else 0)


def _given(options: dict[str, bool]) -> list[str]:
    return [name for name, is_given in options.items() if is_given]


def _scales(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--scales {text} must be numbers, such as 0.75,1,1.25") from None
