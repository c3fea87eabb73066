"""Freeze the encoder during the first epochs."""

from __future__ import annotations

import logging

import lightning.pytorch as L
from torch import nn
from torch.optim import Optimizer

from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule

log = logging.getLogger(__name__)


class FreezeEncoder(L.Callback):
    """Freezes weights and batch-norm statistics of the encoder for the first epochs.

    Lightning's `BackboneFinetuning` does less: its frozen batch norm still normalizes with the statistics of the
    batch, and the parameter group that it adds later does not fit a schedule planned for the whole run.

    Args:
        epochs: Number of epochs, 0 or more.

    Raises:
        ConfigError: `epochs` is not a whole number of 0 or more.
    """

    def __init__(self, epochs: int) -> None:
        if type(epochs) is not int or epochs < 0:
            raise ConfigError(f"epochs={epochs} must be a whole number of 0 or more")
        self.epochs = epochs

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Freezes; needed here too, as a run that resumes within an epoch does not start that epoch again."""
        if trainer.current_epoch < self.epochs:
            log.info("the encoder is frozen for the first %d epochs", self.epochs)
        self._update(trainer, pl_module)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Freezes or unfreezes. Lightning keeps the train or eval mode of every layer."""
        self._update(trainer, pl_module)

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer) -> None:
        """Drops the gradients of the frozen encoder, which several processes compute, before they are clipped."""
        if self._is_frozen(trainer):
            for parameter in _encoder(pl_module).parameters():
                parameter.grad = None

    def _update(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        encoder, frozen = _encoder(pl_module), self._is_frozen(trainer)
        encoder.train(not frozen)
        if trainer.world_size == 1:  # DistributedDataParallel waits for the gradients of all initial parameters
            encoder.requires_grad_(not frozen)

    def _is_frozen(self, trainer: L.Trainer) -> bool:
        return trainer.current_epoch < self.epochs


def _encoder(module: L.LightningModule) -> nn.Module:
    assert isinstance(module, SegmentationModule)
    return module.encoder
