"""`segdrone data pick`: what to label next. Everything is imported when it runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segdrone.cli.size import parse_size
from segdrone.errors import ConfigError

if TYPE_CHECKING:
    from segdrone.inference import Predictor
    from segdrone.selection.outputs import Pick
    from segdrone.windows import Size, Window

_CLAIM = "pick.json"  # in predicted/: it is of this command


def pick(
    photographs: Annotated[
        list[str], typer.Argument(metavar="PHOTOGRAPHS...", help="Photographs without masks: files, folders, patterns.")
    ],
    model: Annotated[
        Path,
        typer.Option(
            metavar="MODEL", help="Checkpoint of segdrone train, trained on what is labeled; or .onnx, .xml, .npz."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    count: Annotated[int, typer.Option(help="How many photographs, or windows, to choose.")] = 20,
    by: Annotated[
        str, typer.Option(help="How uncertainty is scored: margin, entropy, disagreement or rare.")
    ] = "margin",
    window: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHT in pixels: choose windows of photographs, at most so large (default: none)."),
    ] = None,
    labeled: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET",
            help="What is labeled already: not chosen again, under any name, and chosen ones differ from it.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Also predict the chosen photographs, and write their masks, or those of the windows, to labels/, as "
            "shapes of a labeling tool: cvat, label-studio, labelme, coco, ...",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto (a GPU if there is one), cpu, cuda, cuda:1.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")] = False,
) -> None:
    """Choose the photographs that teach a model most when they are labeled next.

    For example:

        segdrone data pick flights/ --model best.ckpt --count 20 --out next
        segdrone data pick flights/ --model best.ckpt --labeled dataset --out next --labels cvat
        segdrone data pick flights/ --model best.ckpt --window 1024x1024 --count 50 --out next --labels cvat
        segdrone data pick flights/ --model best.onnx --by rare --labeled dataset --out next

    The model predicts every photograph. Those of which it is least sure are
    a shortlist, four for each that is wanted, and of these the ones are
    taken that differ most from one another and from what is labeled, by the
    features of the network's encoder (of an exported model by classes and
    colors). Near duplicates of others are not taken. Uncertainty is

        margin        how little the best class of a pixel leads the second
        entropy       the entropy of the class probabilities
        disagreement  how much predictions of a photograph and of its flips
                      differ; four times the time
        rare          entropy, in which classes that are rare in --labeled
                      weigh more

    OUT gets:

        picked.csv         rank, photograph, window (WxH+LEFT+TOP), scores,
                           distance to the nearest one, reason
        picked.txt         names of the photographs, one per line
        contact_sheet.png  photographs, predictions, where they are unsure
        predicted/, labels/   with --labels

    An interrupted command continues when it is started again.

    Exit code 0; 1 if some photographs could not be read, with one line on
    stderr for each; 2 if nothing can be chosen.
    """
    from segdrone.inference import Predictor
    from segdrone.inference.inputs import find_inputs
    from segdrone.selection.pick import pick_photographs
    from segdrone.utils.console import one_line
    from segdrone.utils.memory import keep_freed_memory
    from segdrone.utils.openmp import sleep_while_waiting

    sleep_while_waiting()
    size = None if window is None else parse_size(window, "--window")
    if labels is not None:
        from segdrone.annotations.export import LABEL_FORMATS, SMALLEST_TILE

        if labels not in LABEL_FORMATS:
            raise ConfigError(f"--labels {labels} is not a format: choose one of {', '.join(LABEL_FORMATS)}")
        if size is not None and min(size) < SMALLEST_TILE:
            raise ConfigError(
                f"--window {window} with --labels must be at least {SMALLEST_TILE}x{SMALLEST_TILE} pixels"
            )
        if _has_files(out / "labels"):
            raise ConfigError(
                f"{out / 'labels'} is there already, and may be corrected: give another --out, or leave out --labels"
            )
    images = find_inputs(photographs, out)  # fails before the model is loaded
    keep_freed_memory()
    predictor = Predictor.from_file(model, device=device)
    try:
        found = pick_photographs(
            predictor, images, out, count=count, by=by, window=size, labeled=labeled, progress=not quiet
        )
        if labels is not None:
            found.failed.update(_write_labels(predictor, found.picks, out, labels, size, quiet))
    except KeyboardInterrupt:
        print(f"interrupted: run the same command again to continue in {out}", file=sys.stderr)
        raise typer.Exit(130) from None
    if quiet:
        for reason in found.failed.values():
            print(f"error: {one_line(reason)}", file=sys.stderr)
    else:
        print("\n".join(map(one_line, found.lines(count, out))))
    raise typer.Exit(1 if found.failed else 0)


def _has_files(folder: Path) -> bool:
    """Whether something is at a path, other than the folder of an interrupted export, whose files are hidden."""
    return folder.exists() and not (folder.is_dir() and all(path.name[0] == "." for path in folder.iterdir()))


def _write_labels(
    predictor: Predictor, picks: list[Pick], out: Path, labels: str, window: Size | None, quiet: bool
) -> dict[str, str]:
    """Predicts the photographs of what was picked, and writes the masks of that as shapes of a labeling tool.

    Returns:
        Why each photograph that has no mask could not be predicted, by path, one line each.
    """
    from segdrone.annotations.export import export_labels
    from segdrone.inference.predict_folder import predict_folder
    from segdrone.raster.channels import Channels
    from segdrone.utils.output_dir import claim_dir

    images = [*{pick.image.path: pick.image for pick in picks}.values()]
    names, predicted = {image.name for image in images}, out / "predicted"
    masks = predicted / "masks"
    claim_dir(predicted, _CLAIM, {}, ["predict.json", "masks"], "segdrone data pick")
    if any(mask.relative_to(masks).with_suffix("").as_posix() not in names for mask in masks.rglob("*.png")):
        shutil.rmtree(predicted)  # of other picks, before photographs were added
        claim_dir(predicted, _CLAIM, {}, [], "segdrone data pick")
    done = predict_folder(predictor, images, predicted, colours=False, overlays=False, progress=not quiet)
    tiles: dict[str, Any] = {}
    if window is not None:
        windows: dict[str, list[Window]] = {image.path: [] for image in images}
        for pick in picks:
            windows[pick.image.path] += [pick.window] if pick.window else []
        spec = predictor.backend.spec
        tiles = {"tile": window, "windows": windows, "images": {image.path: image.file for image in images}}
        tiles["channels"] = Channels(spec.bands, spec.stretch)
    written = export_labels(predicted, out / "labels", labels, **tiles, progress=not quiet)
    if not quiet:
        print("\n".join(written.lines()))
        if window is not None:
            print("segdrone data import --allow-missing-tiles puts the windows in their places, and ignores the rest")
    return done.failed
