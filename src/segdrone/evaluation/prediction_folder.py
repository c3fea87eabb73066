"""Evaluate a folder of predicted masks as `conf/evaluate.yaml` says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig

from segdrone.data import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.data.masks.instance_maps import find_instance_maps
from segdrone.data.masks.label_sample import tell_doubts
from segdrone.errors import ConfigError
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.options import SIZE_OPTIONS, data_overrides, inference_options, object_classes
from segdrone.evaluation.prediction_classes import find_prediction_classes, prediction_encoding
from segdrone.evaluation.predictions import evaluate_predictions, find_predictions, warn_of_other_photographs
from segdrone.evaluation.report import start_output, write_report
from segdrone.utils.launch import world_size
from segdrone.utils.output_dir import StagedResults


def evaluate_prediction_folder(
    cfg: DictConfig, results: StagedResults, board: TensorBoardLogger, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """Scores the predicted masks in `cfg.predictions`.

    Args:
        cfg: As `conf/evaluate.yaml`.
        results: Where to write.
        board: Logs scores and figures.
        warnings: Warnings of this evaluation, for its report. More may be added while it runs.

    Returns:
        The content of `metrics.json`.

    Raises:
        SegdroneError: The masks, the photographs or the configuration cannot be used.
    """
    if (processes := world_size()) > 1:  # each would write the results
        raise ConfigError(f"predictions=FOLDER is scored by one process, not {processes}: leave out torchrun and srun")
    if inference_options(cfg) is not None:
        raise ConfigError("inference=tiled does nothing with predictions=FOLDER, which are predicted: leave it out")
    overrides = data_overrides(cfg)
    if unused := sorted((SIZE_OPTIONS - {"test_image_size"}) & overrides.keys()):
        raise ConfigError(f"data.{unused[0]} does nothing with predictions=FOLDER: leave it out")
    masks_only = overrides.keys() & {"root", "images", "masks"} == {"masks"}
    if not masks_only and "root" not in overrides and "images" not in overrides:
        raise ConfigError(
            "give the true masks: data.root=FOLDER of a dataset, or data.masks=FOLDER with only the masks"
        )
    config = DataConfig.from_dict({"root": ".", **overrides})
    folder = Path(str(cfg.predictions))  # Hydra reads names of digits alone as numbers
    predicted = find_prediction_classes(folder, cfg.prediction_classes, _truth_folders(config))
    truth_follows = predicted is not None and config.class_groups is None
    dataset = open_dataset(config, masks_only=masks_only, model=predicted if truth_follows else None)
    encoding = prediction_encoding(folder, predicted, dataset.encoding)
    split = cfg.split or "all"
    if split != "all" and config.split_dir is None:
        raise ConfigError(f"split={split} needs data.split_dir=FOLDER of {split}.txt with predictions=FOLDER")
    pairs = dataset.pairs if split == "all" else dataset.splits[split]
    tell_doubts(pairs, dataset.encoding)
    predictions = find_predictions(folder, pairs)
    if not masks_only:
        warn_of_other_photographs(folder, pairs)
    provenance = start_output(cfg, pairs, torch.device("cpu"), results.path)
    things = object_classes(cfg, dataset.table, dataset.encoding)
    instances = find_instance_maps(dataset.files, pairs, encoding=dataset.encoding)
    evaluator = Evaluator(dataset.table, cfg.pictures, things, instances)
    size = config.test_image_size if "test_image_size" in overrides else None
    evaluate_predictions(evaluator, pairs, predictions, dataset.encoding, encoding, size, masks_only=masks_only)
    evaluator.sync()
    root = str((dataset.files.masks if masks_only else dataset.root).resolve())
    details = {"split": split, "root": root, "inference": None, "predictions": str(folder.resolve())}
    details["split_by"] = None if split == "all" else dataset.split.by
    title = f"{root}, predicted in {cfg.predictions}"
    return write_report(
        evaluator, title, results, provenance=provenance, run=None, loggers=[board], warnings=warnings, **details
    )


def _truth_folders(config: DataConfig) -> list[Path]:
    """Returns where the true masks may be: a folder below the root or relative to the working folder, or the root."""
    root, masks = Path(config.root), config.masks or "."
    return [path for path in (root / masks, Path(masks)) if path.is_dir() and config.masks] or [root]
