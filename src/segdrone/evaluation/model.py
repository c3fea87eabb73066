"""Evaluate a checkpoint or an exported model on a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig

from segdrone.data.masks.label_sample import tell_doubts
from segdrone.evaluation.options import data_overrides, inference_options, object_classes
from segdrone.evaluation.report import start_output
from segdrone.evaluation.score_split import score_split
from segdrone.evaluation.scored_model import open_checkpoint, open_model_file
from segdrone.evaluation.trained_data import open_split
from segdrone.model.distributed import supervise
from segdrone.model.progress import ProgressBar
from segdrone.model.stall import MarkProgress
from segdrone.model.trainer import instantiate_trainer
from segdrone.utils.output_dir import StagedResults


def evaluate_model(
    cfg: DictConfig, results: StagedResults, board: TensorBoardLogger, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """Scores the checkpoint `cfg.ckpt_path` or the exported file `cfg.model_file`.

    Args:
        cfg: As `conf/evaluate.yaml`.
        results: Where to write.
        board: Logs scores and figures.
        warnings: Warnings of this evaluation, for its report. More may be added while it runs.

    Returns:
        The content of `metrics.json`.

    Raises:
        SegdroneError: The model, the photographs, the masks or the configuration cannot be used.
    """
    split = cfg.split or "test"
    model = open_checkpoint(cfg.ckpt_path) if cfg.model_file is None else open_model_file(cfg.model_file, cfg.spec)
    inference = inference_options(cfg)
    object_classes(cfg, model.spec.classes)  # refused before the photographs are opened
    datamodule = open_split(model, split, data_overrides(cfg), tiled=inference is not None)
    objects = object_classes(cfg, model.spec.classes, datamodule.encoding)
    callbacks = [ProgressBar()] if cfg.trainer.get("enable_progress_bar", True) else []
    options: dict[str, Any] = {"logger": board, "enable_checkpointing": False, "use_distributed_sampler": False}
    options["callbacks"] = [*callbacks, MarkProgress()]
    trainer = instantiate_trainer(cfg.trainer, **options)
    with supervise(trainer):
        provenance = {}
        if trainer.is_global_zero:
            tell_doubts(datamodule.splits[split], datamodule.encoding)
            provenance = start_output(cfg, datamodule.splits[split], trainer.strategy.root_device, results.path)
        return score_split(
            trainer,
            model,
            datamodule,
            split,
            results,
            cfg.pictures,
            inference,
            provenance=provenance,
            objects=objects,
            warnings=warnings,
        )
