"""Build the Trainer, callbacks and loggers of a run from its config."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import lightning.pytorch as L
import torch
from hydra.errors import InstantiationException
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from segdrone.data import SegmentationDataModule
from segdrone.errors import ConfigError
from segdrone.model.stall import MarkProgress
from segdrone.model.trainer import instantiate_trainer, original_reason
from segdrone.training.adapt_batch_norm import AdaptBatchNorm
from segdrone.training.checkpoint_io import AtomicCheckpointIO
from segdrone.training.checks import check_callbacks, check_validated, used_parts
from segdrone.training.precision import choose_precision
from segdrone.training.self_training import SelfTraining
from segdrone.utils.config import to_container

log = logging.getLogger(__name__)


class CheckSteps(L.Callback):
    """Refuses a run that would end within its first epoch: what is kept is chosen by scores, which come after it."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compares `trainer.max_steps` with the steps of an epoch, before the first one.

        Raises:
            ConfigError: There are fewer.
        """
        steps = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
        if 0 < trainer.max_steps < steps and trainer.current_epoch == 0:
            raise ConfigError(
                f"trainer.max_steps={trainer.max_steps} ends within the first epoch, of {steps} steps, and nothing "
                f"would be kept: give trainer.max_epochs=1 and "
                f"trainer.limit_train_batches={trainer.max_steps * trainer.accumulate_grad_batches} instead"
            )


def build_trainer(cfg: DictConfig, callbacks: list[L.Callback], loggers: list[Logger], folder: Path) -> L.Trainer:
    """Builds the Trainer of `conf/trainer`.

    Raises:
        ConfigError: Lightning refuses the options, or they do not fit the processes that were started.
    """
    options: dict[str, Any] = {
        "callbacks": [CheckSteps(), *callbacks, MarkProgress()],
        "logger": loggers,
        "plugins": [AtomicCheckpointIO()],
        "use_distributed_sampler": False,  # the samplers of segdrone.data know about processes
    }
    if cfg.trainer.get("sync_batchnorm") and (cfg.trainer.accelerator == "cpu" or not torch.cuda.is_available()):
        options["sync_batchnorm"] = False  # torch supports it on GPUs only
    if cfg.trainer.precision == "auto":
        options["precision"] = choose_precision(str(cfg.trainer.accelerator))
    return instantiate_trainer(cfg.trainer, **options, default_root_dir=str(folder))


def has_validation(cfg: DictConfig, datamodule: SegmentationDataModule) -> bool:
    """Returns whether there are photographs to validate on, and validation is not turned off."""
    return bool(datamodule.splits["val"]) and cfg.trainer.limit_val_batches != 0


def build_callbacks(cfg: DictConfig, datamodule: SegmentationDataModule) -> list[L.Callback]:
    """Builds the callbacks. Without validation, training metrics choose the best epoch and nothing stops early.

    Raises:
        ConfigError: The last epochs would not be validated, a callback monitors a class that is not, it cannot be
            built from its options, or none learns from the photographs without masks that there are.
    """
    callbacks = to_container(cfg.get("callbacks") or OmegaConf.create())
    has_val = has_validation(cfg, datamodule)
    check_callbacks(callbacks, datamodule.table, has_val=has_val)
    for name, part in used_parts(callbacks, "callbacks").items():
        check_validated(f"callbacks.{name}.monitor", part.get("monitor"), datamodule)
    epochs, every = cfg.trainer.max_epochs, cfg.trainer.get("check_val_every_n_epoch") or 1
    if has_val and epochs is not None and epochs > 0 and epochs % every:
        raise ConfigError(
            f"trainer.max_epochs={epochs} is not a multiple of trainer.check_val_every_n_epoch={every}: the last "
            "epochs would not be validated; change one of them"
        )
    if not has_val:
        best = "best.ckpt is the last epoch" if datamodule.config.unlabeled else "train/miou chooses the best epoch"
        log.warning("there is no validation: training does not stop early, and %s", best)
        callbacks = {name: part for name, part in callbacks.items() if part and "EarlyStopping" not in part["_target_"]}
        for part in callbacks.values():
            if part.get("monitor") is not None:
                part["monitor"] = part["monitor"].replace("val/", "train/")
                part["save_on_train_epoch_end"] = True
            if "monitor" in part and datamodule.config.unlabeled:  # no score is known for these photographs
                part["monitor"] = None
    built: list[L.Callback] = instantiate_all(callbacks, "callbacks")
    if datamodule.config.unlabeled and not any(isinstance(part, SelfTraining | AdaptBatchNorm) for part in built):
        raise ConfigError(
            "data.unlabeled=true needs a callback that learns without masks: give experiment=adapt or adapt_bn"
        )
    return built


def instantiate_all(configs: Mapping[str, Any] | None, group: str) -> list[Any]:
    """Instantiates every config; entries that are null are skipped.

    Args:
        configs: Configs by name.
        group: Config group, for errors.

    Raises:
        ConfigError: An object does not accept its options, or a config has no `_target_`.

    Example:
        >>> configs = {"stop": {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "val/miou"}}
        >>> [type(part).__name__ for part in instantiate_all({**configs, "off": None}, "callbacks")]
        ['EarlyStopping']
    """
    parts = []
    for name, config in used_parts(configs or {}, group).items():
        try:
            parts.append(hydra.utils.instantiate(config))
        except InstantiationException as error:
            raise ConfigError(f"{group}.{name} cannot be built ({original_reason(error)}): fix its options") from error
    return parts
