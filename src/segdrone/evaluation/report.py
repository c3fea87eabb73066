"""Write all outputs of an evaluation: tables, figures, TensorBoard logs and `report.html`."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from matplotlib.figure import Figure
from omegaconf import DictConfig
from PIL import Image

from segdrone import figures
from segdrone.classes import ClassTable
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.errors import DataError
from segdrone.evaluation.console import print_scores
from segdrone.evaluation.counts import Integers
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.html_report import HtmlReport, write_html
from segdrone.evaluation.metrics_csv import read_history
from segdrone.evaluation.metrics_files import COUNTS_FILE, NamedCounts, image_rows, to_metrics, write_tables
from segdrone.evaluation.provenance import describe_run
from segdrone.evaluation.scores import OVERALL_SCORES, score
from segdrone.figures import ImageTruthPrediction
from segdrone.utils.atomic import write_json
from segdrone.utils.config import save_config, to_container
from segdrone.utils.output_dir import StagedResults

log = logging.getLogger(__name__)

_FIGURES = ("confusion", "reliability", "recall_by_size", "best", "worst")
RESULTS = (
    "metrics.json", "per_class.csv", "per_image.csv", "confusion.csv", COUNTS_FILE, "report.html",
    *(f"figures/{name}.png" for name in _FIGURES),
)  # fmt: skip
"""Files that `write_report` writes."""
EVALUATION_RESULTS = (*RESULTS, "evaluation.json", "tensorboard", ".hydra")
"""Files and folders that an evaluation writes; a training has its own TensorBoard logs."""


def start_output(cfg: DictConfig, pairs: Iterable[ImageMaskPair], device: torch.device, folder: Path) -> dict[str, Any]:
    """Writes `evaluation.json`, and the config as Hydra does.

    Returns:
        The content of `evaluation.json`: what `describe_run` returns, and the configuration.
    """
    provenance = describe_run(pairs, device, config=to_container(cfg))
    write_json(provenance, folder / "evaluation.json")
    save_config(cfg, folder)
    return provenance


def write_report(
    evaluator: Evaluator,
    title: str,
    results: StagedResults,
    *,
    provenance: Mapping[str, Any],
    run: Path | None,
    loggers: Sequence[Logger],
    warnings: Sequence[str] = (),
    **details: Any,
) -> dict[str, Any]:
    """Writes `metrics.json`, CSV tables, `figures/` and `report.html`, commits all results, and prints the scores.

    If the evaluator draws nothing, there are no `figures/` and no `report.html`.

    Args:
        evaluator: Has counted all photographs.
        title: What was scored.
        results: Where to write.
        provenance: What `describe_run` returned, for `report.html`.
        run: Folder of the run that trained the model, for its training curves; None if unknown.
        loggers: TensorBoard loggers get the scores and the figures.
        warnings: What was logged as a warning and may put the scores in doubt.
        **details: What was scored, for `metrics.json`.

    Returns:
        The content of `metrics.json`.

    Raises:
        DataError: No photograph was counted, no pixel is labeled, or the folder cannot be written to.
    """
    if not evaluator.counts:
        raise DataError(f"no photograph of {title} was scored: give trainer.limit_test_batches above 0")
    title = f"{len(evaluator.counts)} photographs of {title}"
    counts = NamedCounts.of(evaluator.counts, evaluator.table)
    scores = score(counts.counts)
    if math.isnan(scores.overall["miou"]):
        raise DataError(f"no pixel of {title} is labeled, so there is nothing to score: check the masks")
    objects, panoptic = evaluator.objects.compute(), evaluator.panoptic()
    metrics = to_metrics(counts, scores, objects, panoptic, warnings=[*warnings], **details)
    rows = image_rows(counts, scores)
    confusion = counts.counts.confusion.sum(0)
    best, worst = evaluator.best_and_worst()
    drawn: dict[str, Figure] = {}
    if evaluator.is_drawn:
        drawn = _draw_figures(metrics, confusion, evaluator.table)
        drawn |= _draw_samples({"best": best, "worst": worst}, rows, evaluator.table)
    folder = results.path
    try:
        write_tables(metrics, rows, counts, folder)
        for name, figure in drawn.items():
            figures.save(figure, folder / "figures" / f"{name}.png")
        _log(loggers, metrics, [folder / "figures" / f"{name}.png" for name in drawn])
        if evaluator.is_drawn:
            plots = drawn | _draw_curves(run)
            things = evaluator.worst_things.worst()
            page = HtmlReport(
                title, evaluator.table, metrics, confusion, rows, best, worst, things, plots, dict(provenance)
            )
            write_html(page, folder / "report.html")
        write_json(metrics, folder / "metrics.json")
        results.commit()
    except OSError as error:
        way = "give another output_dir=FOLDER"
        if run is not None and (run / "checkpoints" / "best.ckpt").is_file() and run.samefile(results.folder):
            way = f"score it by segdrone evaluate ckpt_path={run}/checkpoints/best.ckpt"  # at the end of a training
        raise DataError(
            f"output_dir={results.folder} cannot be written to ({error.strerror or error}): free some disk space, or "
            f"{way}"
        ) from None
    print_scores(metrics, title)  # a console that cannot show a name must not cost the files
    if evaluator.is_drawn:
        log.info("the report is in %s", results.folder / "report.html")
    log.info("all scores are in %s", results.folder / "metrics.json")
    return metrics


def _draw_figures(metrics: Mapping[str, Any], confusion: Integers, table: ClassTable) -> dict[str, Figure]:
    drawn = {"confusion": figures.plot_confusion(confusion, table)}
    if metrics["reliability"] is not None:
        drawn["reliability"] = figures.plot_reliability(metrics["reliability"])
    if metrics["objects"] is not None:
        drawn["recall_by_size"] = figures.plot_recall_by_size(metrics["objects"]["sizes"])
    return drawn


def _draw_samples(
    samples: Mapping[str, Sequence[ImageTruthPrediction]], rows: Sequence[Mapping[str, Any]], table: ClassTable
) -> dict[str, Figure]:
    miou = {row["id"]: row["miou"] for row in rows}
    return {
        name: figures.prediction_grid(
            [one._replace(title=f"{one.title}   mIoU {miou[one.title]:.3f}") for one in pictures], table
        )
        for name, pictures in samples.items()
        if pictures
    }


def _draw_curves(run: Path | None) -> dict[str, Figure]:
    """Plots loss and mIoU by epoch, those that the run logged."""
    history = [] if run is None else read_history(run)
    return {
        name: figures.plot_training_curve(history, name)
        for name in ("loss", "miou")
        if any(math.isfinite(row.get(f"{split}/{name}", math.nan)) for row in history for split in ("train", "val"))
    }


def _log(loggers: Sequence[Logger], metrics: Mapping[str, Any], drawn: Sequence[Path]) -> None:
    """Logs scores and figures to TensorBoard as `scores/miou`, `scores/iou/car`, `scores/confusion` and so on."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            board = logger.experiment
            values = {key: metrics[key] for key in OVERALL_SCORES} | {
                f"{key}/{name}": scores[key]
                for name, scores in metrics["classes"].items()
                for key in ("iou", "boundary_iou")
            }
            if metrics["objects"] is not None:
                values["map"] = metrics["objects"]["map"]
            for key, value in values.items():
                if value is not None:
                    board.add_scalar(f"scores/{key}", value)
            for path in drawn:  # drawing them again would take longer than all other files
                with Image.open(path) as picture:
                    board.add_image(f"scores/{path.stem}", np.asarray(picture.convert("RGB")), dataformats="HWC")
            logger.save()
