"""Look at choices that Lightning would only stumble over after hours, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError

log = logging.getLogger(__name__)

_LEAST = {  # of Trainer's whole numbers
    "max_epochs": -1,
    "max_steps": -1,
    "num_nodes": 1,
    "accumulate_grad_batches": 1,
    "log_every_n_steps": 0,
    "check_val_every_n_epoch": 1,
}


def monitorable_metrics(table: ClassTable, *, has_val: bool) -> list[str]:
    """Returns the names of the metrics by which an epoch or a run may be chosen: none of the final test's.

    Those of validation stand for those of training where nothing is validated, but for a class's IoU.
    """
    names = [f"{split}/{score}" for split in ("val", "train") for score in ("miou", "loss", "dice", "accuracy")]
    return names + [f"val/iou/{name}" for name in table.names if has_val]


def check_metric(key: str, name: Any, table: ClassTable, *, has_val: bool) -> None:
    """Refuses a metric that no run logs, or that must choose nothing.

    Args:
        key: Where it was chosen, such as `objective`.
        name: The metric.
        table: The classes of the run.
        has_val: Whether the run validates.

    Raises:
        ConfigError: It is none of `monitorable_metrics`.
    """
    names = monitorable_metrics(table, has_val=has_val)
    if name not in names:
        general = [name for name in names if "/iou/" not in name] + ["val/iou/CLASS"] * has_val
        raise ConfigError(f"{key}={name} is no metric that a run may be chosen by: give one of {', '.join(general)}")


def check_trainer(options: Mapping[str, Any]) -> None:
    """Looks at the numbers of `conf/trainer`.

    Raises:
        ConfigError: One is out of its range, or no number.
    """
    for key, least in _LEAST.items():
        _check_whole(f"trainer.{key}", options.get(key), least)
    clip = options.get("gradient_clip_val")
    if clip is not None and (isinstance(clip, bool) or not isinstance(clip, int | float) or clip < 0):
        raise ConfigError(f"trainer.gradient_clip_val={clip} must be a number from 0 up, or null")


def check_callbacks(callbacks: Mapping[str, Any], table: ClassTable, *, has_val: bool) -> None:
    """Looks at what callbacks go by, and whether one of them keeps checkpoints.

    Raises:
        ConfigError: A metric is not logged, or the patience is no number.
    """
    named = {name: part for name, part in callbacks.items() if part}
    for name, part in named.items():
        if part.get("monitor") is not None:
            check_metric(f"callbacks.{name}.monitor", part["monitor"], table, has_val=has_val)
        _check_whole(f"callbacks.{name}.patience", part.get("patience"), 0)
    if not any("ModelCheckpoint" in part.get("_target_", "") for part in named.values()):
        log.warning("no checkpoint is kept: callbacks=[default,...] has those that keep the best and the last")


def _check_whole(key: str, value: Any, least: int) -> None:
    if value is not None and (type(value) is not int or value < least):
        raise ConfigError(f"{key}={value} must be a whole number from {least} up")
