"""Score a model on a split and write the report."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L

from segdrone.data import SegmentationDataModule
from segdrone.data.masks.instance_maps import find_instance_maps
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.report import write_report
from segdrone.evaluation.scored_model import ScoredModel
from segdrone.evaluation.sliding_window import evaluate_sliding_window
from segdrone.evaluation.test_loop import evaluate_test_loop
from segdrone.inference import Predictor
from segdrone.utils.launch import rank_and_world_size
from segdrone.utils.output_dir import StagedResults

log = logging.getLogger(__name__)


def score_split(
    trainer: L.Trainer,
    model: ScoredModel,
    datamodule: SegmentationDataModule,
    split: str,
    results: StagedResults,
    pictures: int | None,
    inference: Mapping[str, Any] | None = None,
    *,
    provenance: Mapping[str, Any],
    objects: Sequence[str] | None = None,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Scores a split and writes the report.

    Of several processes, each predicts its share of the photographs; rank 0 prints, writes and draws.

    Args:
        trainer: Decides on which devices the model runs.
        model: The model.
        datamodule: The photographs, set up.
        split: `train`, `val`, `test` or `all`.
        results: Where to write.
        pictures: How many of the best and how many of the worst photographs are drawn; None draws no page
            and no figure.
        inference: Options of `Predictor`, to score photographs at the size of their masks, in windows. None scores
            them at the size that `datamodule` gives.
        provenance: What `describe_run` returned, for the report.
        objects: Names of the classes that are counted as objects; None is `thing_classes` of the model's.
        warnings: Warnings to show with the scores.

    Returns:
        The content of `metrics.json`, in every process.

    Raises:
        DataError: The split is empty or has no labeled pixel, or a photograph or mask cannot be read.
        ConfigError: An option of `inference` is out of its range.
    """
    interpolation = datamodule.config.interpolation if inference is None else "area"
    instances = find_instance_maps(
        datamodule.dataset.files, datamodule.splits[split], interpolation, datamodule.encoding
    )
    evaluator = Evaluator(model.spec.classes, pictures, objects, instances)
    if model.spec.instances and (others := [*{*evaluator.objects.things} - {*(model.spec.classes.things or ())}]):
        log.warning(
            "the model has not learned to tell %s apart: connected components are counted as their things",
            ", ".join(sorted(others)),
        )
    settings = None
    if inference is not None:
        _start_processes(trainer)
        predictor = Predictor(model.open_backend(str(trainer.strategy.root_device)), **inference)
        settings = predictor.settings
        evaluate_sliding_window(evaluator, predictor, datamodule.splits[split], datamodule.encoding)
    else:
        evaluate_test_loop(evaluator, trainer, model.module, datamodule, split)
    evaluator.sync()
    metrics: dict[str, Any] = {}
    if trainer.is_global_zero:
        root = str(Path(datamodule.config.root).resolve())
        details: dict[str, Any] = {"split": split, "root": root, "inference": settings}
        details["split_by"] = _split_by(model, datamodule, split)
        title = f"{datamodule.config.root}" if split == "all" else f"the {split} split of {datamodule.config.root}"
        loggers = trainer.loggers
        metrics = write_report(
            evaluator,
            title,
            results,
            provenance=provenance,
            run=model.run,
            loggers=loggers,
            warnings=warnings,
            **details,
        )
    return trainer.strategy.broadcast(metrics)


def _split_by(model: ScoredModel, datamodule: SegmentationDataModule, split: str) -> str | None:
    """Returns what decided which photographs are in the split, in words; None if all of a folder are scored."""
    if split == "all":
        return None
    by = model.training.get("split_by") if datamodule.ids is not None else datamodule.dataset.split.by
    return str(by or "as in the training of the model")


def _start_processes(trainer: L.Trainer) -> None:
    """Starts the other processes and their group, as Lightning does before a loop, unless a loop has run already."""
    _, world = rank_and_world_size()
    if trainer.strategy.launcher is not None and world < trainer.world_size:
        trainer.strategy.launcher.launch(trainer.strategy.setup_environment, trainer=trainer)
