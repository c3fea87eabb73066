"""Open the loggers of a run, log to `metrics.csv`, and log hyper-parameters."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from omegaconf import DictConfig

from segdrone.utils.best_effort import BestEffort
from segdrone.utils.config import to_container
from segdrone.utils.console import printable

_GROUPS = ("data", "model", "loss", "optimizer", "scheduler", "trainer")
_SCORES = ("miou", "accuracy", "val/miou")


class CSV(CSVLogger):
    """Lightning's CSV logger. If `metrics.csv` cannot be written, the training goes on."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._best_effort = BestEffort("metrics.csv")

    def save(self) -> None:
        """Writes the metrics that were logged."""
        with self._best_effort():
            super().save()


def open_loggers(loggers: Sequence[Logger], folder: Path) -> None:
    """Opens the CSV logger. If a run resumes in its own folder, the earlier metrics.csv is kept under a new name."""
    path = folder / "metrics.csv"
    if path.exists():
        numbered = (folder / f"metrics.{number}.csv" for number in itertools.count(1))
        path.rename(next(path for path in numbered if not path.exists()))
    with warnings.catch_warnings():
        # CSVLogger warns that it deletes files in a folder that is in use; metrics.csv has just been renamed.
        warnings.filterwarnings("ignore", message="Experiment logs directory")
        for logger in loggers:
            if isinstance(logger, CSVLogger):
                _ = logger.experiment


def log_hyperparameters(loggers: Sequence[Logger], cfg: DictConfig, metrics: Mapping[str, float]) -> None:
    """Logs the options of the run and its scores to TensorBoard's table of hyper-parameters."""
    options = {
        f"{group}.{key}": value if isinstance(value, int | float | bool) else printable(str(value))
        for group in _GROUPS
        for key, value in to_container(cfg[group]).items()
    }
    scores = {f"hp/{name}": value for name, value in metrics.items() if name in _SCORES}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams({"seed": cfg.seed, **options}, scores)
            logger.save()
