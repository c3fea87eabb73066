"""Find a learning rate before training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as L
import torch
from lightning.pytorch import callbacks

from segdrone import figures
from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule

log = logging.getLogger(__name__)

_BETA = 0.98  # of Lightning's running mean of the loss
_SKIPPED = 10  # first steps, whose mean is of few
_FEWEST = 3  # points that have a slope


class LearningRateFinder(callbacks.LearningRateFinder):
    """Trains with ever higher rates, suggests the one at which the loss falls fastest, and trains with it.

    Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3. Weights and random numbers are
    then as they were. The encoder is tried at the same rate, and keeps its share of it afterwards. A run that
    resumes keeps its rates.

    Lightning makes the search. Its own suggestion is not used: it is the steepest fall by rate, not by the rate's
    logarithm, so that noise among the lowest rates outdoes any true fall among the high ones.

    Args:
        folder: Where the picture goes, loss against rate, `lr_finder.png`.
        min_lr: The first rate.
        max_lr: The last.
        num_training_steps: How many are tried, no more than the run has steps.

    Raises:
        ConfigError: The rates do not rise from above 0, or the number is none.
    """

    def __init__(self, folder: str, min_lr: float, max_lr: float, num_training_steps: int) -> None:
        rates_rise = all(isinstance(rate, int | float) for rate in (min_lr, max_lr)) and 0 < min_lr < max_lr
        if not rates_rise or type(num_training_steps) is not int or num_training_steps < 1:
            raise ConfigError(
                f"min_lr={min_lr}, max_lr={max_lr} must rise from above 0, and "
                f"num_training_steps={num_training_steps} be a whole number from 1 up"
            )
        super().__init__(min_lr, max_lr, num_training_steps, update_attr=False)
        self.folder = Path(folder)

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Searches, and makes optimizer and schedule anew."""
        assert isinstance(pl_module, SegmentationModule)
        if trainer.ckpt_path is not None:
            return
        self._num_training_steps = int(min(self._num_training_steps, trainer.estimated_stepping_batches))
        super().on_fit_start(trainer, pl_module)
        pl_module.split_metrics("train").reset()  # a search may end within an epoch
        if self.optimal_lr is None:  # trainer.fast_dev_run
            return
        rates, losses = self.optimal_lr.results["lr"], unbias(self.optimal_lr.results["loss"])
        rate, before = suggest(rates, losses), trainer.optimizers[0].defaults["lr"]
        if rate is None:
            log.warning("%d steps suggest no learning rate: it stays %s", len(rates), before)
            return
        if trainer.is_global_zero:
            figures.save(figures.plot_learning_rates(rates, losses, rate), self.folder / "lr_finder.png")
        log.info("learning rate %.2e found, in place of %s: figures/lr_finder.png", rate, before)
        options = pl_module.optimizer_options
        if options.get("encoder_lr") is not None:
            options["encoder_lr"] *= rate / before
        options["lr"] = rate
        trainer.strategy.setup_optimizers(trainer)


def unbias(losses: Sequence[float]) -> list[float]:
    """Returns Lightning's smoothed losses without its bias, by which the first is half of what it was.

    It divides the running mean after step k by 1 - beta^(k + 1), which should be 1 - beta^k (Kingma and Ba 2015,
    "Adam", section 3).
    """
    return [loss * (1 - _BETA ** (step + 1)) / (1 - _BETA**step) for step, loss in enumerate(losses, start=1)]


def suggest(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """Returns the rate at which the smoothed loss falls fastest by the rate's logarithm; None of too few points.

    Args:
        rates: Each the same multiple of the one before.
        losses: One a rate, smoothed; those that are not finite do not count.
    """
    points = [
        point for point in list(zip(rates, losses, strict=True))[_SKIPPED:] if torch.isfinite(torch.tensor(point[1]))
    ]
    if len(points) < _FEWEST:
        return None
    slopes = torch.gradient(torch.tensor([loss for _, loss in points]))[0]
    return points[int(slopes.argmin())][0]
