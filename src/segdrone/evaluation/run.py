"""Evaluate a checkpoint, an exported model or a folder of predicted masks, as `evaluate.py` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from segdrone.data.splits.split import SPLITS
from segdrone.errors import ConfigError
from segdrone.evaluation.model import evaluate_model
from segdrone.evaluation.options import check_pictures
from segdrone.evaluation.prediction_folder import evaluate_prediction_folder
from segdrone.evaluation.report import EVALUATION_RESULTS
from segdrone.model.tensorboard_logger import TensorBoard
from segdrone.utils.memory import keep_freed_memory
from segdrone.utils.output_dir import staged_results
from segdrone.utils.stall import check_stall_timeout, watch_progress
from segdrone.utils.warnings import collect_warnings


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """Scores a checkpoint, an exported model or a folder of predicted masks, and writes the report.

    Args:
        cfg: As `conf/evaluate.yaml`.

    Returns:
        The content of `metrics.json`.

    Raises:
        SegdroneError: The checkpoint, the photographs, the masks or the configuration cannot be used.
    """
    if sum(given is not None for given in (cfg.ckpt_path, cfg.model_file, cfg.predictions)) != 1:
        raise ConfigError(
            "give one of these to score: ckpt_path=outputs/train/.../checkpoints/best.ckpt, model=FILE.onnx or "
            "predictions=FOLDER"
        )
    if cfg.spec is not None and cfg.model_file is None:
        raise ConfigError("spec goes with model=FILE.onnx: a checkpoint describes itself")
    if cfg.split not in (None, *SPLITS, "all"):
        raise ConfigError(f"split={cfg.split} is unknown: choose one of {', '.join(SPLITS)}, all")
    if cfg.prediction_classes is not None and cfg.predictions is None:
        raise ConfigError(
            "prediction_classes goes with predictions=FOLDER: a checkpoint knows its classes; give data.classes for "
            "the true masks"
        )
    check_pictures(cfg)
    check_stall_timeout(cfg.trainer)
    keep_freed_memory()
    score = evaluate_prediction_folder if cfg.predictions is not None else evaluate_model
    watch = watch_progress(cfg.trainer.get("stall_timeout"), lambda: "start again")
    with watch, collect_warnings() as warnings, staged_results(Path(cfg.output_dir), EVALUATION_RESULTS) as results:
        board = TensorBoard(results.path, name="tensorboard", version="", default_hp_metric=False)
        return score(cfg, results, board, warnings)
