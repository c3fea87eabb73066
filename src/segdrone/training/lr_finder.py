"""Find a learning rate before training."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import lightning.pytorch as L
from lightning.pytorch import callbacks
from matplotlib.figure import Figure

from segdrone import figures
from segdrone.model import SegmentationModule

log = logging.getLogger(__name__)


class LearningRateFinder(callbacks.LearningRateFinder):
    """Trains with ever higher rates, suggests the one at which the loss falls fastest, and trains with it.

    Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3. Weights and random numbers are
    then as they were. The encoder is tried at the same rate, and keeps its share of it afterwards. A run that
    resumes keeps its rates.

    Args:
        folder: Where the picture goes, loss against rate, `lr_finder.png`.
        min_lr: The first rate.
        max_lr: The last.
        num_training_steps: How many are tried, no more than the run has steps.
    """

    def __init__(self, folder: str, min_lr: float, max_lr: float, num_training_steps: int) -> None:
        super().__init__(min_lr, max_lr, num_training_steps, update_attr=False)
        self.folder = Path(folder)

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Searches, and makes optimizer and schedule anew."""
        assert isinstance(pl_module, SegmentationModule)
        if trainer.ckpt_path is not None:
            return
        self._num_training_steps = int(min(self._num_training_steps, trainer.estimated_stepping_batches))
        super().on_fit_start(trainer, pl_module)
        found = self.optimal_lr
        if found is None:  # trainer.fast_dev_run
            return
        rate, before = found.suggestion(), trainer.optimizers[0].defaults["lr"]
        if trainer.is_global_zero:
            self._draw(found, rate)
        if rate is None:
            log.warning("%d steps suggest no learning rate: it stays %s", len(found.results["lr"]), before)
            return
        log.info("learning rate %.2e found, in place of %s: figures/lr_finder.png", rate, before)
        options = pl_module.optimizer_options
        if options.get("encoder_lr") is not None:
            options["encoder_lr"] *= rate / before
        options["lr"] = rate
        trainer.strategy.setup_optimizers(trainer)

    def _draw(self, found: Any, rate: float | None) -> None:
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.subplots()
        found.plot(suggest=rate is not None, ax=axes)
        axes.set_title("Loss by learning rate" if rate is None else f"Loss by learning rate: {rate:.2e} suggested")
        figures.save(figure, self.folder / "lr_finder.png")
