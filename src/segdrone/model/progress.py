"""Show the progress of Lightning's loops: bars in a terminal, a line per epoch in a log file."""

from __future__ import annotations

import logging
import math
import sys
import time
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.callbacks import TQDMProgressBar

log = logging.getLogger(__name__)

_SHOWN = ("train/loss", "val/loss", "val/miou")


class ProgressBar(TQDMProgressBar):
    """Lightning's bars if the output is a terminal; else a line at the end of each epoch.

    A bar in a log file is a line per batch.

    Args:
        refresh_rate: Batches between two updates of the bars. None is 1 in a terminal; elsewhere there are no bars.
    """

    def __init__(self, refresh_rate: int | None = None, **options: Any) -> None:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        super().__init__(refresh_rate=int(is_terminal) if refresh_rate is None else refresh_rate, **options)
        self._started, self._validated = 0.0, False

    def on_train_epoch_start(self, trainer: L.Trainer, *args: Any) -> None:
        """Notes the time."""
        self._started, self._validated = time.monotonic(), False
        super().on_train_epoch_start(trainer, *args)

    def on_validation_epoch_end(self, *args: Any) -> None:
        """Notes that this epoch is validated; values of earlier validations stay logged."""
        self._validated = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Writes the line, where there are no bars."""
        super().on_train_epoch_end(trainer, pl_module)
        if self.is_disabled and trainer.is_global_zero:
            metrics = {name: float(trainer.callback_metrics.get(name, math.nan)) for name in self._shown}
            shown = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items() if not math.isnan(value))
            epochs = "" if trainer.max_epochs in (None, -1) else f" of {trainer.max_epochs}"
            seconds = time.monotonic() - self._started
            log.info("epoch %d%s: %s, %.0f s", trainer.current_epoch + 1, epochs, shown, seconds)

    @property
    def _shown(self) -> list[str]:
        return [name for name in _SHOWN if self._validated or not name.startswith("val/")]
