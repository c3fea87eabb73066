"""Build Lightning's Trainer from `conf/trainer`."""

from __future__ import annotations

from typing import Any

import hydra
import lightning.pytorch as L
from hydra.errors import InstantiationException
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig

from segdrone.errors import ConfigError
from segdrone.model.distributed import check_processes
from segdrone.utils.config import without


def instantiate_trainer(options: DictConfig, **others: Any) -> L.Trainer:
    """Builds the Trainer.

    Args:
        options: Those of `conf/trainer`.
        **others: Further arguments of the Trainer, which replace options.

    Raises:
        ConfigError: Lightning refuses the options, or they do not fit the processes that were started.
    """
    try:
        trainer: L.Trainer = hydra.utils.instantiate(without(options, "stall_timeout"), **others)
    except (MisconfigurationException, InstantiationException) as error:
        raise ConfigError(f"conf/trainer: Lightning refuses these options ({original_reason(error)})") from error
    check_processes(trainer)
    return trainer


def original_reason(error: Exception) -> str:
    """Returns the original message of an error in one line, without what Hydra adds."""
    return " ".join(str(error.__cause__ or error).split())
