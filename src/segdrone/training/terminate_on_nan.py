"""End a run that diverged, or whose validation scores nothing."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as L
import torch

from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule


class TerminateOnNaN(L.Callback):
    """Ends a run whose loss is not finite, before a validation and at the end of an epoch, so before a checkpoint.

    The scores of such a network are finite: it predicts one class everywhere. They are NaN where nothing that is
    validated has a label, and then no epoch is better than the first one. Lightning's
    `EarlyStopping(check_finite=True)` ends either run as if it had finished normally.
    """

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Checks the loss of the epoch after its last batch.

        Raises:
            ConfigError: The loss is not finite.
        """
        if trainer.is_last_batch:
            self._check(trainer, pl_module)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Checks the loss so far, since a validation can take place within an epoch.

        Raises:
            ConfigError: The loss is not finite.
        """
        if not trainer.sanity_checking:
            self._check(trainer, pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Checks that the scores of a validation are numbers.

        Raises:
            ConfigError: They are not.
        """
        if trainer.sanity_checking:
            return
        nan = {name for name, value in trainer.callback_metrics.items() if torch.isnan(value).any()}
        if "val/miou" in nan:
            raise ConfigError(
                "no pixel that is validated has a label at the size of training (val/miou is NaN), by which epochs "
                "could be compared: give a larger size, another split (data.split_seed, data.split_dir), or a higher "
                "trainer.limit_val_batches if that is not 1.0"
            )
        monitored = {str(getattr(callback, "monitor", None)) for callback in trainer.callbacks}  # type: ignore[attr-defined]
        if unknown := sorted(name for name in monitored & nan if name.startswith("val/iou/")):
            raise ConfigError(
                f"no pixel that is validated shows the class by which epochs are compared ({unknown[0]} is NaN): "
                "monitor another metric, or give a higher trainer.limit_val_batches if that is not 1.0"
            )

    def _check(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, SegmentationModule)
        loss = pl_module.epoch_loss("train").compute()
        if not torch.isfinite(loss):
            raise ConfigError(
                f"training diverged: the loss of epoch {trainer.current_epoch} is {loss:.3g}; give a lower "
                f"optimizer.lr than {trainer.optimizers[0].defaults['lr']:.3g}, or trainer.gradient_clip_val=1"
            )
