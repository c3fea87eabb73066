"""Score a module on photographs, and leave the report of it in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as L

from segdrone.data import SegmentationDataModule
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.report import write_report
from segdrone.evaluation.sliding_window import evaluate_sliding_window
from segdrone.evaluation.test_loop import evaluate_test_loop
from segdrone.inference import Predictor
from segdrone.model import SegmentationModule


def score_split(
    trainer: L.Trainer,
    module: SegmentationModule,
    datamodule: SegmentationDataModule,
    split: str,
    folder: Path,
    pictures: int,
    inference: Mapping[str, Any] | None = None,
    *,
    record: Mapping[str, Any],
    run: Path | None,
) -> dict[str, Any]:
    """Scores a split, and leaves what `report` says.

    Of several processes each predicts its share, and the first one prints, writes and draws.

    Args:
        trainer: Runs the network where it says.
        module: The network.
        datamodule: The photographs, set up.
        split: `train`, `val`, `test` or `all`.
        folder: Where the files go.
        pictures: How many of the best and how many of the worst photographs are drawn.
        inference: Options of `Predictor`, to score photographs at their masks' own size, in windows;
            None scores them at the size that `datamodule` gives.
        record: What makes the scores, for the report.
        run: Folder of the run that trained the network; None if unknown.

    Returns:
        The content of `metrics.json`.

    Raises:
        DataError: The split is empty or has no labelled pixel, or a photograph or mask cannot be read.
        ConfigError: An option of `inference` is out of its range.
    """
    judge = Evaluator(module.table, pictures)
    settings = None
    if inference is not None:
        predictor = Predictor(module, **inference, device=str(trainer.strategy.root_device))
        settings = predictor.settings
        evaluate_sliding_window(judge, predictor, datamodule.splits[split], datamodule.labels)
    else:
        evaluate_test_loop(judge, trainer, module, datamodule, split)
    judge.gather()
    metrics: dict[str, Any] = {}
    if trainer.is_global_zero:
        root = str(Path(datamodule.config.root).resolve())
        facts: dict[str, Any] = {"split": split, "root": root, "inference": settings}
        title = f"{datamodule.config.root}" if split == "all" else f"the {split} split of {datamodule.config.root}"
        metrics = write_report(judge, title, folder, record=record, run=run, loggers=trainer.loggers, **facts)
    return trainer.strategy.broadcast(metrics)
