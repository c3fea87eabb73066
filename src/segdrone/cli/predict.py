"""`segdrone predict`: photographs in, masks out.

What the command calls is imported when it runs, so that `--help` comes at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from segdrone.errors import ConfigError
from segdrone.windows import Size


def predict(
    checkpoint: Annotated[Path, typer.Argument(metavar="CKPT", help="A checkpoint that train.py wrote.")],
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="Photographs, folders of them, patterns in quotes, or films.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; made if need be.")],
    scale: Annotated[
        float | None, typer.Option(help="1: the photographs at their own size, 0.5 at half; by itself, as trained.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT in pixels that the network sees at once; by itself, as trained.")
    ] = None,
    overlap: Annotated[float, typer.Option(help="Part of a window that its neighbour sees too, 0 to 0.9.")] = 0.25,
    augment: Annotated[
        str, typer.Option(help="Mean over flips (4 times the time) or symmetries (8 times), or none.")
    ] = "none",
    scales: Annotated[
        str, typer.Option(help="Mean over windows resized by each, such as 0.75,1,1.25; 1 is their own size.")
    ] = "1",
    device: Annotated[str, typer.Option(help="auto (a GPU if there is one), cpu, cuda or cuda:1.")] = "auto",
    batch_size: Annotated[
        int | None,
        typer.Option(help="Windows that the network sees at once; by itself 1 on CPU, many on a GPU."),
    ] = None,
    min_area: Annotated[
        str, typer.Option(help="Drop regions of fewer pixels: 64, or by class car=200,person=30.")
    ] = "0",
    fill_holes: Annotated[int, typer.Option(help="Fill holes of up to as many pixels.")] = 0,
    refine: Annotated[
        int, typer.Option(help="Let borders follow the photograph's edges, by up to as many pixels.")
    ] = 0,
    objects: Annotated[
        bool, typer.Option("--objects", help="Write and count connected regions of persons, cars, ... as COCO JSON.")
    ] = False,
    object_class: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Of this class only; may be given several times.")
    ] = None,
    colours: Annotated[bool, typer.Option("--colours/--no-colours", help="Write colour masks.")] = True,
    overlays: Annotated[bool, typer.Option("--overlays/--no-overlays", help="Write overlays with a legend.")] = True,
    confidence: Annotated[
        bool,
        typer.Option(
            "--confidence",
            help="Write the probability of the network's class, before clean-up; 255 is certain.",
        ),
    ] = False,
    smooth: Annotated[
        int, typer.Option(help="Films: each pixel takes the class that most of as many last frames give it.")
    ] = 1,
    redo: Annotated[
        bool, typer.Option("--redo", help="Predict again what is done, also with other settings than before.")
    ] = False,
) -> None:
    """Predict the masks of photographs of any size, and of films.

    For example:

        segdrone predict best.ckpt photograph.jpg --out predicted
        segdrone predict best.ckpt flights/ --out predicted
        segdrone predict best.ckpt 'flights/**/DJI_*.JPG' --out predicted
        segdrone predict best.ckpt flights/ --out counted --objects --min-area 64
        segdrone predict best.ckpt flights/ --out slow --augment symmetries --refine 8
        segdrone predict best.ckpt film.mp4 --out predicted --smooth 5

    Folders are searched to any depth, and mirrored below OUT:

        masks/sub/NAME.png       class ids
        colours/sub/NAME.png     class colours
        overlays/sub/NAME.jpg    photograph, mask and legend
        confidence/, objects/    where asked for
        summary.csv              a row each: area of each class (0 to 1), mean confidence, objects
        predict.json             what the predictions were made with
        films/NAME.mp4, .csv     a film under its masks, and a row a frame: area of each class

    An interrupted run goes on where it was when it is started again.

    Exit code 0 if all is predicted; 1 if some photographs could not be, each
    told in a line on stderr; 2 if nothing can be done.
    """
    from segdrone.inference.inputs import find_inputs
    from segdrone.inference.predict_video import check_video_options
    from segdrone.inference.predict_videos import is_video, predict_videos, video_targets

    films = [Path(given) for given in inputs if is_video(given) and Path(given).is_file()]
    photographs = [given for given in inputs if Path(given) not in films]
    if photographs:
        find_inputs(photographs, out)  # before the checkpoint takes its time
    if films:
        check_video_options(smooth)
        video_targets(films, out)
    from segdrone.inference import Predictor
    from segdrone.inference.cleanup import Cleanup
    from segdrone.inference.instances import thing_classes
    from segdrone.inference.predict_folder import PredictSummary, predict_folder
    from segdrone.utils.memory import keep_freed_memory

    cleanup = Cleanup(min_area=_areas(min_area), fill_holes=fill_holes, refine=refine)
    size = None if window is None else _size(window)
    options: dict[str, Any] = {"scale": scale, "overlap": overlap, "augment": augment, "batch_size": batch_size}
    options["scales"] = _scales(scales)
    keep_freed_memory()
    predictor = Predictor.from_checkpoint(checkpoint, window=size, device=device, **options)
    wanted = object_class or (thing_classes(predictor.table) if objects else [])
    if objects and not wanted:
        raise ConfigError(
            "--objects: the checkpoint knows no person, car or the like: name a class with --object-class"
        )
    outcomes: list[PredictSummary] = []
    try:
        if photographs:
            kinds: dict[str, Any] = {"colours": colours, "overlays": overlays, "confidence": confidence}
            done = predict_folder(predictor, photographs, out, cleanup=cleanup, objects=wanted, redo=redo, **kinds)
            outcomes.append(done)
        if films:
            outcomes.append(predict_videos(predictor, films, out, cleanup=cleanup, smooth=smooth, redo=redo))
    except KeyboardInterrupt:
        again = " without --redo" if redo else ""
        print(f"interrupted: {out} keeps what is done; the same command{again} goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    predicted, skipped = sum(one.predicted for one in outcomes), sum(one.skipped for one in outcomes)
    failed = sum(len(one.failed) for one in outcomes)
    print(f"{predicted} predicted, {skipped} done before, {failed} failed: see {out}")
    raise typer.Exit(1 if failed else 0)


def _areas(text: str) -> dict[str, int] | int:
    if text.isdecimal():
        return int(text)
    areas = dict(part.partition("=")[::2] for part in text.split(","))
    if not all(name and area.isdecimal() for name, area in areas.items()):
        raise ConfigError(f"--min-area {text} must be pixels, such as 64, or by class, such as car=200,person=30")
    return {name.strip(): int(area) for name, area in areas.items()}


def _scales(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--scales {text} must be numbers, such as 0.75,1,1.25") from None


def _size(text: str) -> Size:
    width, _, height = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"--window {text} must be WIDTHxHEIGHT in pixels, such as 1056x704")
    return int(height), int(width)
