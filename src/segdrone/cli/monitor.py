"""`segdrone monitor`: do photographs still look as in training? Everything is imported at run time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def monitor(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="Folder written by segdrone predict, or a day of segdrone serve --statistics."
        ),
    ],
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Checkpoint, .onnx, .xml or .npz with reference statistics.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Predictions of usual photographs to compare with instead of MODEL's."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="True masks of some of the photographs, to score.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for monitor.html and monitor.json.")] = None,
    alarm: Annotated[
        float, typer.Option(help="Share of false alarms: of windows without any change, at most this share raise one.")
    ] = 0.01,
) -> None:
    """Say whether photographs still look as in training.

    For example:

        segdrone predict best.ckpt flights/today --out today
        segdrone monitor today --model best.ckpt
        segdrone monitor today --model best.ckpt --out monitored --truth masks/
        segdrone monitor today --reference last-year

    Light, sharpness, noise, compression, pixels, class shares, borders and
    confidence of the photographs are compared with those of the reference.
    An alarm comes with its likeliest cause, such as blurred or higher up, and
    with the strangest photographs. docs/monitor.md explains the numbers.

    Give 50 photographs or more, of more than one flight.

    Exit code 0 without an alarm, 1 with one, 2 if nothing can be compared.
    """
    from segdrone.monitor.report import print_report, to_dict
    from segdrone.monitor.run import monitor as run
    from segdrone.utils.warnings import collect_warnings

    with collect_warnings() as warnings:
        found = run(source, model, reference, alarm)
        report = to_dict(found)
        if truth is not None:
            from dataclasses import asdict

            from segdrone.monitor.truth import score_truth

            report["truth"] = asdict(score_truth(found.photographs, truth, found.reference))
    report["warnings"] = list(warnings)
    print_report(report)
    if out is not None:
        from segdrone.monitor.page import write_monitor_files

        write_monitor_files(found, report, out)
        print(f"written to {out}")
    raise typer.Exit(1 if report["alarm"] else 0)
