"""Keep the encoder as it is while the rest learns."""

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

    Lightning's `BackboneFinetuning` does less: its frozen batch norm goes on normalising by the batch, and the
    group of parameters that it adds later has no place in a schedule made for the whole run.

    Args:
        epochs: How many, from 0 up.

    Raises:
        ConfigError: It is no such number.
    """

    def __init__(self, epochs: int) -> None:
        if type(epochs) is not int or epochs < 0:
            raise ConfigError(f"epochs={epochs} must be a whole number from 0 up")
        self.epochs = epochs

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Freezes, also where a run resumes within an epoch, which then is not started again."""
        if trainer.current_epoch < self.epochs:
            log.info("the encoder is frozen for the first %d epochs", self.epochs)
        self._set(trainer, pl_module)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Freezes or thaws; Lightning itself keeps every layer's mode."""
        self._set(trainer, pl_module)

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer) -> None:
        """Drops the frozen encoder's gradients, where several processes compute them, before they are clipped."""
        if self._frozen(trainer):
            for parameter in _encoder(pl_module).parameters():
                parameter.grad = None

    def _set(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        encoder, frozen = _encoder(pl_module), self._frozen(trainer)
        encoder.train(not frozen)
        if trainer.world_size == 1:  # DistributedDataParallel waits for the gradients of all that it saw at first
            encoder.requires_grad_(not frozen)

    def _frozen(self, trainer: L.Trainer) -> bool:
        return trainer.current_epoch < self.epochs


def _encoder(module: L.LightningModule) -> nn.Module:
    assert isinstance(module, SegmentationModule)
    return module.encoder
