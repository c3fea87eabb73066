"""Averages of the weights over training, which are what is validated and kept.

Checkpoints hold the average as their `state_dict`, and the weights under way beside it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn

from segdrone.errors import ConfigError


class _Averaging(WeightAveraging):
    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Keeps the average where training runs; the module itself is not there yet, which Lightning would go by."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)


class EMA(_Averaging):
    """Exponential moving average (EMA) of weights and buffers, after every optimizer step.

    The decay rises to its value as min(decay, (1 + n) / (10 + n)) after n steps (TensorFlow's
    `ExponentialMovingAverage`), so that first weights are soon forgotten; a late start, as Lightning's
    `EMAWeightAveraging` has it, would validate weights that were never trained until then.

    Args:
        decay: Weight of the average so far in the next, 0 to 1.

    Raises:
        ConfigError: It is out of its range.
    """

    def __init__(self, decay: float) -> None:
        _check_share("decay", decay)
        super().__init__(multi_avg_fn=_exponential(decay))


def _exponential(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    def update(averages: Any, weights: Any, count: Tensor | int) -> None:
        soon = min(decay, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(soon)(averages, weights, count)  # type: ignore[no-untyped-call]

    return update


class SWA(_Averaging):
    """Stochastic weight averaging (SWA): the mean of the weights that the last epochs end with.

    Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization". The statistics of
    batch norm do not average; they are measured anew on the epoch's training batches (algorithm 1 there). Until the
    average begins it is the weights of the epoch's end.

    Lightning's `StochasticWeightAveraging` validates, and so chooses, weights that are not averaged.

    Args:
        start: Share of the epochs before the first that counts, 0 to 1.

    Raises:
        ConfigError: It is out of its range.
    """

    def __init__(self, start: float) -> None:
        _check_share("start", start)
        super().__init__(use_buffers=False)
        self.start = start

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Looks whether there is a last part of the epochs.

        Raises:
            ConfigError: The number of epochs is not set.
        """
        if trainer.max_epochs is None or trainer.max_epochs < 1:
            raise ConfigError("callbacks swa averages over the last epochs: give trainer.max_epochs")
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Averages after the epoch's last batch, before it is validated."""
        if not trainer.is_last_batch:
            return
        average = self._average_model
        assert average is not None
        assert trainer.max_epochs is not None
        if trainer.current_epoch <= math.ceil(self.start * trainer.max_epochs):
            average.n_averaged.zero_()  # the next weights take the place of the average
        average.update_parameters(pl_module)
        if average.n_averaged > 1:
            with trainer.precision_plugin.forward_context():  # of several processes, all validate with the first's
                update_bn(_images(trainer), average)
            for ours, averaged in zip(pl_module.modules(), average.module.modules(), strict=True):
                if not ours.training:  # frozen, its statistics too
                    averaged.load_state_dict(ours.state_dict())


def _check_share(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name}={value} must be a number from 0 to 1")


def _images(trainer: L.Trainer) -> Iterator[Tensor]:
    """The photographs of the epoch's training batches, where training runs."""
    loader: Any = trainer.train_dataloader
    for batch in itertools.islice(loader, int(trainer.num_training_batches)):
        yield trainer.strategy.batch_to_device(batch["image"])
