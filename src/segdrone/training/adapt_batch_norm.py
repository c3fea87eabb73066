"""Re-estimate batch-norm statistics on other photographs (AdaBN)."""

from __future__ import annotations

import lightning.pytorch as L
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule


class AdaptBatchNorm(L.Callback):
    """Replaces the batch-norm statistics by the means over all training batches, and changes no weight.

    Li et al. 2016, "Revisiting Batch Normalization For Practical Domain Adaptation". Masks are not used.

    Raises:
        ConfigError: When training starts: the network has no batch norm, or several processes train.
    """

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Checks the network, and forgets its statistics unless a run is resumed.

        Raises:
            ConfigError: It has no batch norm, or several processes would each have statistics of their own.
        """
        layers = _layers(pl_module)
        if not layers:
            assert isinstance(pl_module, SegmentationModule)
            raise ConfigError(
                f"model.name={pl_module.hparams['model']['name']} on {pl_module.hparams['model']['encoder_name']} has "
                "no batch norm whose statistics could be adapted: use experiment=adapt"
            )
        if trainer.world_size > 1:
            raise ConfigError("batch-norm statistics are adapted in one process: leave out trainer=ddp")
        for layer in layers:
            layer.momentum = None  # the mean over all batches, not a moving average
            if trainer.ckpt_path is None:
                layer.reset_running_stats()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Freezes all weights. Dropout is off, as in prediction."""
        pl_module.eval()
        for layer in _layers(pl_module):
            layer.train()
        *others, last = pl_module.parameters()
        for parameter in others:
            parameter.requires_grad_(False)
        last.requires_grad_(True)  # Lightning wants to go backward through something: the last bias costs nothing

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer) -> None:
        """Drops the gradient of the last bias, so that the optimizer changes nothing."""
        for parameter in pl_module.parameters():
            parameter.grad = None


def _layers(module: nn.Module) -> list[_BatchNorm]:
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
