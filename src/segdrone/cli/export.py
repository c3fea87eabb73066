"""`segdrone export`: files that run without torch. Everything is imported at run time, so that --help is fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segdrone.cli.size import parse_size
from segdrone.export.formats import format_table

HELP = f"""Export a checkpoint to files that run without torch.

    For example:

        segdrone export best.ckpt --to onnx --out exported
        segdrone export best.ckpt --to onnx --to openvino --out exported
        segdrone export best.ckpt --to onnx --window 512x512 --out for-qgis
        segdrone predict exported/best.onnx flights/ --out predicted

    The formats:

{format_table()}

    A file holds the classes, the normalization and the scale of the model, and
    takes photographs of any size: uint8 pixels in, probabilities out. With
    --window it takes one size, values from 0 to 1, as other programs expect.

    Each file is then compared with the checkpoint on the validation
    photographs of its training: classes, scores with intervals, speed, memory
    and size. parity.html shows the same in detail, parity.json all numbers.
    --data says where the dataset is if it was moved.
    """


def export(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CKPT", help="Checkpoint of segdrone train, or the included model: scenes.")
    ],
    to: Annotated[list[str], typer.Option(metavar="FORMAT", help="A format above; can be given several times.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    window: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT in pixels that the file takes (default: any).")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Dataset of the training (default: where the training found it)."),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Photographs to calibrate int8 on (default: those of the training)."),
    ] = None,
    max_drop: Annotated[float, typer.Option(help="Largest fall of the mIoU by int8, 0 to 1.")] = 0.01,
    parity: Annotated[
        bool, typer.Option("--parity/--no-parity", help="Compare the files with the checkpoint, and write the report.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")] = False,
) -> None:
    """See `HELP`."""
    from segdrone.export.run import export as run

    size = None if window is None else parse_size(window, "--window")
    formats = [name for part in to for name in part.split(",")]
    files = run(
        checkpoint, formats, out, window=size, data_root=data, calibrate=calibrate, max_drop=max_drop, parity=parity,
        progress=not quiet,
    )  # fmt: skip
    if not quiet:
        for file in files:
            print(file)
