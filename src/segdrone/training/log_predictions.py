"""Log figures to TensorBoard: photographs with truth and prediction, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from torch import Tensor

from segdrone import figures
from segdrone.model import SegmentationModule


class LogPredictions(L.Callback):
    """Logs the first validation photographs with truth and prediction, and the confusion matrix.

    Args:
        every_n_epochs: Smallest number of epochs between two logs. The first validation and the last epoch are always
            logged.
        photographs: Number of photographs.
    """

    def __init__(self, every_n_epochs: int, photographs: int) -> None:
        self.every_n_epochs, self.photographs = every_n_epochs, photographs
        self._samples: list[figures.ImageTruthPrediction] = []
        self._last_epoch: int | None = None  # that was logged

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Mapping[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps the first photographs of the epoch."""
        assert isinstance(pl_module, SegmentationModule)
        if not self._is_due(trainer):
            return
        missing = self.photographs - len(self._samples)
        for i, name in enumerate(batch["id"][:missing]):  # the first process has no padding samples
            image = _denormalize(batch["image"][i], pl_module.hparams["data"])
            truth, prediction = (_to_array(mask[i]) for mask in (batch["mask"], outputs["prediction"]))
            self._samples.append(figures.ImageTruthPrediction(name, image, truth, prediction).downscale())

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Sends the figures to TensorBoard, from the first process."""
        assert isinstance(pl_module, SegmentationModule)
        if not self._is_due(trainer):
            return
        metrics = pl_module.split_metrics("val")
        with metrics.sync_context():  # all processes have to enter it
            counts = metrics.confmat.cpu().numpy()
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero and self._samples:
                board, step = logger.experiment, trainer.current_epoch
                board.add_figure("val/photographs", figures.prediction_grid(self._samples, pl_module.table), step)
                board.add_figure("val/confusion", figures.plot_confusion(counts, pl_module.table), step)
        self._samples, self._last_epoch = [], trainer.current_epoch

    def _is_due(self, trainer: L.Trainer) -> bool:
        epoch = trainer.current_epoch
        is_last = trainer.max_epochs is not None and epoch == trainer.max_epochs - 1
        is_next = self._last_epoch is None or epoch - self._last_epoch >= self.every_n_epochs
        return not trainer.sanity_checking and (is_next or is_last)


def _denormalize(image: Tensor, data: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Returns the photograph, uint8 `[H, W, 3]`, of a normalized one, float32 `[3, H, W]`."""
    mean, std = (torch.tensor(data[key], device=image.device)[:, None, None] for key in ("mean", "std"))
    pixels = ((image * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0)
    return np.asarray(pixels.cpu().numpy(), np.uint8)


def _to_array(mask: Tensor) -> NDArray[np.uint8]:
    return np.asarray(mask.byte().cpu().numpy(), np.uint8)
