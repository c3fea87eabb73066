"""What train.py calls: a config in, a trained and tested network out."""

from __future__ import annotations

import itertools
import logging
import math
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.plugins import Precision
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig

from segdrone.data import SegmentationDataModule
from segdrone.errors import ConfigError
from segdrone.evaluation import check_pictures, describe_run, inference_options, score_split
from segdrone.model import SegmentationModule, check_resumable, load_module
from segdrone.model.distributed import resume_hint, supervise
from segdrone.training.build import (
    build_callbacks,
    build_datamodule,
    build_module,
    build_trainer,
    has_validation,
    instantiate_all,
)
from segdrone.training.checks import check_metric, check_trainer
from segdrone.utils.atomic import write_json
from segdrone.utils.config import to_container
from segdrone.utils.memory import keep_freed_memory
from segdrone.utils.warnings import suppress_lightning_warnings

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> tuple[dict[str, float], dict[str, Any]]:
    """Trains as `conf/train.yaml` says, then scores the best checkpoint.

    The score is of the test split; of the validation split where there is no test split.

    Returns:
        The last logged metrics by name (`train/loss`, `val/loss`, ...), the one that chose the best
        checkpoint at its best (`val/miou`), and those of `metrics.json` (`miou`, `accuracy`, ...);
        and what was made: `cfg`, `datamodule`, `module`, `trainer`, `callbacks`, `loggers`, `report`.

    Raises:
        SegdroneError: The data, the configuration or a checkpoint cannot be used.
    """
    started = time.time()
    keep_freed_memory()
    if type(cfg.seed) is not int or not 0 <= cfg.seed < 2**32:
        raise ConfigError(f"seed={cfg.seed} must be a whole number from 0 to {2**32 - 1}")
    check_pictures(cfg)
    check_trainer(to_container(cfg.trainer))
    inference_options(cfg)  # a mistake there would show after the training
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    folder = Path(cfg.output_dir)
    datamodule = build_datamodule(cfg)
    check_metric("objective", cfg.objective, datamodule.table, has_val=has_validation(cfg, datamodule))
    module = build_module(cfg, datamodule)
    if cfg.ckpt_path is not None:
        check_resumable(cfg.ckpt_path, module)
        earlier = Path(cfg.ckpt_path).resolve().parent.parent
        if earlier != folder.resolve():  # Lightning then knows no earlier best
            log.warning(
                "resumed elsewhere: best.ckpt is of the epochs from here on; output_dir=%s would go on", earlier
            )
    callbacks = build_callbacks(cfg, datamodule)
    loggers: list[Logger] = instantiate_all(cfg.get("logger"), "logger")
    trainer = build_trainer(cfg, callbacks, loggers, folder)
    record: dict[str, Any] = {}
    if trainer.is_global_zero:  # one process writes the run's folder
        _start(loggers, folder)
        facts = {
            "processes": trainer.world_size,
            "precision": trainer.precision,
            "seed": cfg.seed,
            "config": to_container(cfg),
        }
        record = describe_run(datamodule.splits["all"], trainer.strategy.root_device, **facts)
        write_json(record, folder / "run.json")
    with supervise(trainer):
        _fit(cfg, trainer, module, datamodule)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        report = _score(cfg, trainer, module, datamodule, folder, record)
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    if best is not None:
        metrics[str(trainer.checkpoint_callback.monitor)] = float(best)  # type: ignore[union-attr]
    metrics |= {name: float(value) for name, value in report.items() if isinstance(value, float)}
    _log_choices(loggers, cfg, metrics)
    value = objective(cfg, metrics)
    reached = {"objective": _objective(cfg, metrics), "reached": value if math.isfinite(value) else None}
    if trainer.is_global_zero:
        write_json({**record, **reached, "wall_time_s": round(time.time() - started, 1)}, folder / "run.json")
    made = {
        "cfg": cfg, "datamodule": datamodule, "module": module, "trainer": trainer,
        "callbacks": callbacks, "loggers": loggers, "report": report,
    }  # fmt: skip
    return metrics, made


def _fit(cfg: DictConfig, trainer: L.Trainer, module: SegmentationModule, datamodule: SegmentationDataModule) -> None:
    try:
        with suppress_lightning_warnings():
            trainer.fit(module, datamodule=datamodule, ckpt_path=cfg.ckpt_path)
    except SystemExit as error:
        if trainer.interrupted:  # Lightning's way out after Ctrl+C or SIGTERM
            if trainer.is_global_zero:
                print(f"interrupted: {resume_hint(trainer)}", file=sys.stderr)
            raise SystemExit(143 if isinstance(error, SIGTERMException) else 130) from None
        raise
    except MisconfigurationException as error:
        raise ConfigError(f"Lightning cannot train so ({' '.join(str(error).split())}): mend the choice") from error
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            "the GPU's memory is too small for a training step: give a lower data.batch_size, and "
            "trainer.accumulate_grad_batches to make up for it, or smaller images, tiles or crops"
        ) from error
    except RuntimeError as error:
        if cfg.compile and isinstance(error, torch._dynamo.exc.TorchDynamoException):
            reason = str(getattr(error, "inner_exception", error)).splitlines()[0]
            raise ConfigError(
                f"compile=true: the network cannot be compiled here ({reason}): give compile=false"
            ) from error
        raise


def _score(
    cfg: DictConfig,
    trainer: L.Trainer,
    module: SegmentationModule,
    datamodule: SegmentationDataModule,
    folder: Path,
    record: Mapping[str, Any],
) -> dict[str, Any]:
    split = next((split for split in ("test", "val", "train") if datamodule.splits[split]), "all")
    path = getattr(trainer.checkpoint_callback, "best_model_path", "")
    best = load_module(path) if path else module.float()
    trainer.strategy.precision_plugin = Precision()  # 32-true, as evaluate.py scores
    options = inference_options(cfg)
    return score_split(trainer, best, datamodule, split, folder, cfg.pictures, options, record=record, run=folder)


def _start(loggers: Sequence[Logger], folder: Path) -> None:
    """Opens the loggers; a run resumed in the folder of the earlier one keeps that one's metrics.csv."""
    path = folder / "metrics.csv"
    if path.exists():
        free = (folder / f"metrics.{number}.csv" for number in itertools.count(1))
        path.rename(next(place for place in free if not place.exists()))
    with warnings.catch_warnings():
        # CSVLogger sees that the folder is in use, and announces to delete what was just moved.
        warnings.filterwarnings("ignore", message="Experiment logs directory")
        for logger in loggers:
            if isinstance(logger, CSVLogger):
                _ = logger.experiment


def _log_choices(loggers: list[Logger], cfg: DictConfig, metrics: dict[str, float]) -> None:
    """Fills TensorBoard's tab of hyper-parameters: the choices of the run beside what they reached."""
    choices = {
        f"{group}.{key}": value if isinstance(value, int | float | str | bool) else str(value)
        for group in ("data", "model", "loss", "optimizer", "scheduler", "trainer")
        for key, value in to_container(cfg[group]).items()
    }
    scores = {f"hp/{name}": value for name, value in metrics.items() if name in ("miou", "accuracy", "val/miou")}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams({"seed": cfg.seed, **choices}, scores)
            logger.save()


def objective(cfg: DictConfig, metrics: Mapping[str, float]) -> float:
    """Returns the metric that a sweep compares, `cfg.objective`; NaN where it was not logged.

    Where nothing was validated it is that of training, as the best epoch is.
    """
    return metrics.get(_objective(cfg, metrics), float("nan"))


def _objective(cfg: DictConfig, metrics: Mapping[str, float]) -> str:
    validated = any(name.startswith("val/") for name in metrics)
    return str(cfg.objective) if validated else str(cfg.objective).replace("val/", "train/")
