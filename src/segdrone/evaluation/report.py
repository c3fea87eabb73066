"""What an evaluation leaves: tables on the screen and as files, pictures, and `report.html`."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from matplotlib.figure import Figure

from segdrone import figures
from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.evaluation import plots
from segdrone.evaluation.console import print_scores
from segdrone.evaluation.counts import Integers
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.html_report import HtmlReport, write_html
from segdrone.evaluation.metrics_csv import read_history
from segdrone.evaluation.metrics_files import COUNTS_FILE, NamedCounts, image_rows, to_metrics, write_tables
from segdrone.evaluation.scores import OVERALL_SCORES, score
from segdrone.figures import ImageTruthPrediction
from segdrone.utils.atomic import write_json

log = logging.getLogger(__name__)

_PICTURES = ("confusion", "reliability", "recall_by_size", "best", "worst")
_TABLES = ("metrics.json", "per_class.csv", "per_image.csv", "confusion.csv", COUNTS_FILE, "report.html")


def remove_results(folder: Path) -> None:
    """Removes what an earlier evaluation left in a folder, so that what lies there is of one."""
    for path in (*(folder / name for name in _TABLES), *(folder / "figures" / f"{name}.png" for name in _PICTURES)):
        path.unlink(missing_ok=True)


def write_report(
    judge: Evaluator,
    title: str,
    folder: Path,
    *,
    record: Mapping[str, Any],
    run: Path | None,
    loggers: Sequence[Logger],
    **facts: Any,
) -> dict[str, Any]:
    """Prints what was judged, and writes `metrics.json`, tables, `figures/` and `report.html`.

    Args:
        judge: Has judged all photographs.
        title: What was scored.
        folder: Where the files go.
        record: What made the scores, for `report.html`.
        run: Folder of the run that trained the network, whose curves are shown; None if unknown.
        loggers: TensorBoard's takes the scores and the plots.
        **facts: What was scored, for `metrics.json`.

    Returns:
        The content of `metrics.json`.

    Raises:
        DataError: No pixel is labelled, or the folder cannot be written to.
    """
    title = f"{len(judge.counts)} photographs of {title}"
    counted = NamedCounts.of(judge.counts, judge.table)
    scores = score(counted.counts)
    if math.isnan(scores.overall["miou"]):
        raise DataError(f"no pixel of {title} is labelled: there is nothing to score")
    metrics = to_metrics(counted, scores, judge.objects.compute(), **facts)
    rows = image_rows(counted, scores)
    print_scores(metrics, title)
    confusion = counted.counts.confusion.sum(0)
    best, worst = judge.best_and_worst()
    miou = {row["id"]: row["miou"] for row in rows}
    titled = {
        name: [picture._replace(title=f"{picture.title}   mIoU {miou[picture.title]:.3f}") for picture in pictures]
        for name, pictures in (("best", best), ("worst", worst))
    }
    drawn = _draw(metrics, confusion, titled, judge.table)
    history = [] if run is None else read_history(run)
    page = HtmlReport(title, judge.table, metrics, confusion, rows, best, worst, history, dict(record))
    try:
        remove_results(folder)
        write_tables(metrics, rows, counted, folder)
        for name, figure in drawn.items():
            figures.save(figure, folder / "figures" / f"{name}.png")
        _log(loggers, metrics, drawn)
        write_html(page, folder / "report.html")
        write_json(metrics, folder / "metrics.json")
    except OSError as error:
        raise DataError(
            f"output_dir={folder} cannot be written to ({error.strerror or error}): free some disk space, or give "
            "another output_dir=FOLDER"
        ) from None
    log.info("the report is in %s, all figures in %s", folder / "report.html", folder / "metrics.json")
    return metrics


def _draw(
    metrics: Mapping[str, Any], confusion: Integers, shown: Mapping[str, list[ImageTruthPrediction]], table: ClassTable
) -> dict[str, Figure]:
    """Draws each of `_PICTURES` that there is something to see on."""
    drawn = {"confusion": figures.plot_confusion(confusion, table)}
    if metrics["reliability"] is not None:
        drawn["reliability"] = plots.plot_reliability(metrics["reliability"])
    if metrics["objects"] is not None:
        drawn["recall_by_size"] = plots.plot_recall_by_size(metrics["objects"]["sizes"])
    for name, pictures in shown.items():
        if pictures:
            drawn[name] = figures.prediction_grid(pictures, table)
    return drawn


def _log(loggers: Sequence[Logger], metrics: Mapping[str, Any], drawn: Mapping[str, Figure]) -> None:
    """Shows scores and plots in TensorBoard: `scores/miou`, `scores/iou/car`, `scores/confusion` and so on."""
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
            for name, figure in drawn.items():
                board.add_figure(f"scores/{name}", figure)
            logger.save()
