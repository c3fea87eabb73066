"""Re-estimate batch-norm statistics on other photographs (AdaBN)."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule


class AdaptBatchNorm(L.Callback):
    """Moves batch-norm statistics towards the means over all training batches, and changes no weight.

    Li et al. 2016, "Revisiting Batch Normalization For Practical Domain Adaptation"; with a share below 1, Schneider et
    al. 2020, "Improving robustness against common corruptions by covariate shift adaptation", equation 3. Masks are not
    used.

    Args:
        share: Share of the new statistics in the mixture with the earlier ones, above 0 and up to 1.

    Raises:
        ConfigError: `share` is out of range.
    """

    def __init__(self, share: float) -> None:
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise ConfigError(f"share={share} must be a number above 0 and up to 1")
        self.share = share
        self._earlier: list[tuple[Tensor, Tensor]] = []  # mean and variance of each layer

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Checks that statistics can be adapted.

        Raises:
            ConfigError: The network has no batch norm, several processes would each have statistics of their own, or
                there is more than one epoch, or one that ends or is validated before its last batch; or gradients,
                which there are none of, are to be scaled.
        """
        if not batch_norms(pl_module):
            assert isinstance(pl_module, SegmentationModule)
            raise ConfigError(
                f"model.name={pl_module.hparams['model']['name']} on {pl_module.hparams['model']['encoder_name']} has "
                "no batch norm whose statistics could be adapted: use experiment=adapt"
            )
        if trainer.world_size > 1:
            raise ConfigError("batch-norm statistics are adapted in one process: leave out trainer=ddp")
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            raise ConfigError(
                f"trainer.precision={trainer.precision} scales gradients, and batch-norm statistics are adapted "
                "without: give trainer.precision=auto"
            )
        if trainer.max_epochs != 1:
            raise ConfigError("batch-norm statistics are adapted in one epoch: give trainer.max_epochs=1")
        if trainer.max_steps != -1 or trainer.val_check_interval != 1.0:
            raise ConfigError(
                "batch-norm statistics are mixed after the last batch of the epoch: leave out trainer.max_steps and "
                "trainer.val_check_interval"
            )

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Forgets the statistics and freezes all weights. Dropout is off, as in prediction."""
        pl_module.eval()
        self._earlier = [_statistics(layer) for layer in batch_norms(pl_module)]
        for layer in batch_norms(pl_module):
            layer.train()
            layer.momentum = None  # the mean over all batches, not a moving average
            layer.reset_running_stats()
        *others, last = pl_module.parameters()
        for parameter in others:
            parameter.requires_grad_(False)
        last.requires_grad_(True)  # Lightning wants to go backward through something: the last bias costs nothing

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer) -> None:
        """Drops the gradient of the last bias, so that the optimizer changes nothing."""
        for parameter in pl_module.parameters():
            parameter.grad = None

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Mixes the statistics with the earlier ones after the last batch, before they are validated."""
        if not trainer.is_last_batch:
            return
        for layer, earlier in zip(batch_norms(pl_module), self._earlier, strict=True):
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.copy_(torch.lerp(earlier[0], layer.running_mean, self.share))
            layer.running_var.copy_(torch.lerp(earlier[1], layer.running_var, self.share))


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """Returns the batch-norm layers of a network that normalize by running statistics in prediction."""
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]


def _statistics(layer: _BatchNorm) -> tuple[Tensor, Tensor]:
    assert layer.running_mean is not None and layer.running_var is not None
    return layer.running_mean.clone(), layer.running_var.clone()
