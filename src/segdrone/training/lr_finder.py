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
_SKIPPED_STEPS = 10  # whose running mean averages few values
_MIN_POINTS = 3  # needed for a slope


class LearningRateFinder(callbacks.LearningRateFinder):
    """Learning rate range test: trains with rising rates, and uses the rate at which the loss falls fastest.

    Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3. Weights and random state are
    restored afterwards. All parameters are tested at the same rate; the encoder keeps its ratio to it for training.
    A run that resumes keeps its rates.

    Lightning runs the test. Its own suggestion is not used: it takes the steepest slope over the rate, not over its
    logarithm, so noise at the lowest rates outweighs a real descent at high rates.

    Args:
        folder: Folder for the plot of loss against rate, `lr_finder.png`.
        min_lr: First rate.
        max_lr: Last rate.
        num_training_steps: Number of rates to test, at most the number of steps of the run.

    Raises:
        ConfigError: The rates are not positive and rising, or the number of steps is not a positive integer.
    """

    def __init__(self, folder: str, min_lr: float, max_lr: float, num_training_steps: int) -> None:
        are_rising = all(isinstance(rate, int | float) for rate in (min_lr, max_lr)) and 0 < min_lr < max_lr
        if not are_rising or type(num_training_steps) is not int or num_training_steps < 1:
            raise ConfigError(
                f"min_lr={min_lr} and max_lr={max_lr} must be above 0 and rising, and "
                f"num_training_steps={num_training_steps} must be a whole number of 1 or more"
            )
        super().__init__(min_lr, max_lr, num_training_steps, update_attr=False)
        self.folder = Path(folder)

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Runs the test, then sets up optimizer and schedule again with the suggested rate."""
        assert isinstance(pl_module, SegmentationModule)
        if trainer.ckpt_path is not None:
            return
        self._num_training_steps = int(min(self._num_training_steps, trainer.estimated_stepping_batches))
        super().on_fit_start(trainer, pl_module)
        pl_module.split_metrics("train").reset()  # the test may end within an epoch
        trainer._logger_connector.reset_metrics()  # it also validates, even in a run that does not
        if self.optimal_lr is None:  # trainer.fast_dev_run
            return
        rates, losses = self.optimal_lr.results["lr"], unbias(self.optimal_lr.results["loss"])
        rate, before = suggest(rates, losses), trainer.optimizers[0].defaults["lr"]
        if rate is None:
            log.warning(
                "the learning rate stays %s: the loss fell at none of %d tested rates, or these are too few",
                before, len(rates),
            )  # fmt: skip
            return
        if trainer.is_global_zero:
            figures.save(figures.plot_learning_rates(rates, losses, rate), self.folder / "lr_finder.png")
        log.info("learning rate %.2e instead of %s: see figures/lr_finder.png", rate, before)
        options = pl_module.optimizer_options
        if options.get("encoder_lr") is not None:
            options["encoder_lr"] *= rate / before
        options["lr"] = rate
        trainer.strategy.setup_optimizers(trainer)


def unbias(losses: Sequence[float]) -> list[float]:
    """Returns Lightning's smoothed losses without its bias, which halves the first one.

    Lightning divides the running mean after step k by 1 - beta^(k + 1); the right divisor is 1 - beta^k (Kingma and
    Ba 2015, "Adam", section 3).

    Example:
        >>> [round(loss, 6) for loss in unbias([1 / (1 + 0.98)])]
        [1.0]
    """
    return [loss * (1 - _BETA ** (step + 1)) / (1 - _BETA**step) for step, loss in enumerate(losses, start=1)]


def suggest(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """Returns the rate at which the smoothed loss falls fastest over the logarithm of the rate.

    Args:
        rates: Rates, each the same multiple of the one before.
        losses: Smoothed loss per rate; values that are not finite are skipped.

    Returns:
        The rate, or None if there are too few points, or the loss never falls, as that of photographs without masks.

    Example:
        >>> rates = [10.0 ** (step / 4 - 6) for step in range(20)]
        >>> losses = [3.0] * 14 + [2.9, 1.0, 0.1] + [0.0] * 3
        >>> suggest(rates, losses) == rates[15]
        True
    """
    points = [
        point
        for point in list(zip(rates, losses, strict=True))[_SKIPPED_STEPS:]
        if torch.isfinite(torch.tensor(point[1]))
    ]
    if len(points) < _MIN_POINTS:
        return None
    slopes = torch.gradient(torch.tensor([loss for _, loss in points]))[0]
    return points[int(slopes.argmin())][0] if slopes.min() < 0 else None
