"""Average the weights over training: EMA and SWA. The averaged weights are validated and kept.

Checkpoints have the average as their `state_dict`, and the current weights beside it.
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
from segdrone.model.context import share_frozen
from segdrone.utils.stall import mark_progress


class _Averaging(WeightAveraging):
    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Places the average on the training device; Lightning would use that of the module, which is moved later.

        Raises:
            ConfigError: The weights are in another precision, in which torch does not average them with this one; or a
                callback keeps checkpoints of weights alone, in which Lightning puts those that are not averaged.
        """
        if stage == "fit" and str(trainer.precision).endswith("-true") and trainer.precision != "32-true":
            raise ConfigError(
                f"trainer.precision={trainer.precision} keeps no weights that could be averaged (callbacks ema, swa, "
                "self_training): give bf16-mixed or 32-true"
            )
        if stage == "fit" and any(getattr(kept, "save_weights_only", False) for kept in trainer.checkpoint_callbacks):
            raise ConfigError(
                "save_weights_only=true of a callback that keeps checkpoints keeps the current weights, not the "
                "averages that are validated (callbacks ema, swa, self_training): leave it out; best.ckpt is as small"
            )
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            share_frozen(self._average_model.module, pl_module)


class EMA(_Averaging):
    """Exponential moving average (EMA) of weights and buffers, updated after every optimizer step.

    The decay after n steps is min(decay, (1 + n) / (10 + n)) (TensorFlow's `ExponentialMovingAverage`), so the
    initial weights are soon forgotten. A late start, as in Lightning's `EMAWeightAveraging`, would validate
    untrained weights until then.

    Args:
        decay: Weight of the previous average in the next one, 0 to 1.

    Raises:
        ConfigError: `decay` is out of range.
    """

    def __init__(self, decay: float) -> None:
        _check_share("decay", decay)
        super().__init__(multi_avg_fn=_exponential_average(decay))

    @property
    def state_key(self) -> str:
        """Key of the state in a checkpoint: the name of the class in 0.1.0."""
        return "ExponentialAverage"


def _exponential_average(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    def update(averages: Any, weights: Any, count: Tensor | int) -> None:
        current = min(decay, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(current)(averages, weights, count)

    return update


class SWA(_Averaging):
    """Stochastic weight averaging (SWA): the mean of the weights at the end of each of the last epochs.

    Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization". Batch-norm statistics
    cannot be averaged; they are computed again on the training batches of the epoch (algorithm 1 in the paper).
    Before averaging starts, the average is the current weights.

    Lightning's `StochasticWeightAveraging` validates, and so selects, weights that are not averaged.

    Args:
        start: Share of the epochs before averaging starts, 0 to 1.

    Raises:
        ConfigError: `start` is out of range.
    """

    def __init__(self, start: float) -> None:
        _check_share("start", start)
        super().__init__(use_buffers=False)
        self.start = start

    @property
    def state_key(self) -> str:
        """Key of the state in a checkpoint: the name of the class in 0.1.0."""
        return "StochasticAverage"

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Checks that the number of epochs is known.

        Raises:
            ConfigError: It is not set.
        """
        if trainer.max_epochs is None or trainer.max_epochs < 1:
            raise ConfigError("callbacks swa averages over the last epochs: give trainer.max_epochs")
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Updates the average after the last batch of the epoch, before it is validated."""
        if not trainer.is_last_batch:
            return
        average = self._average_model
        assert average is not None
        assert trainer.max_epochs is not None
        if trainer.current_epoch <= math.ceil(self.start * trainer.max_epochs):
            average.n_averaged.zero_()  # the next weights replace the average
        average.update_parameters(pl_module)
        if average.n_averaged > 1:
            with trainer.precision_plugin.forward_context():  # all processes validate with those of the first
                update_bn(_training_images(trainer), average)
            for current, averaged in zip(pl_module.modules(), average.module.modules(), strict=True):
                if not current.training:  # a frozen layer keeps its statistics too
                    averaged.load_state_dict(current.state_dict())


def _check_share(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name}={value} must be a number from 0 to 1")


def _training_images(trainer: L.Trainer) -> Iterator[Tensor]:
    """Yields the photographs of the epoch's training batches, on the training device."""
    loader: Any = trainer.train_dataloader
    for batch in itertools.islice(loader, int(trainer.num_training_batches)):
        mark_progress("computing batch-norm statistics")
        yield trainer.strategy.batch_to_device(batch["image"])
