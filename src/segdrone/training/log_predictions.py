"""Pictures in TensorBoard: photograph, truth and prediction, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from segdrone import figures
from segdrone.model import SegmentationModule


class LogPredictions(L.Callback):
    """Shows the first validation photographs with truth and prediction, and the confusion matrix.

    Args:
        every_n_epochs: Epochs between pictures, at the least; the first validation has some, and the last epoch's.
        photographs: Number of photographs shown.
    """

    def __init__(self, every_n_epochs: int, photographs: int) -> None:
        self.every_n_epochs, self.photographs = every_n_epochs, photographs
        self._rows: list[figures.ImageTruthPrediction] = []
        self._shown: int | None = None  # the epoch of the last pictures

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
        if not self._due(trainer):
            return
        wanted = self.photographs - len(self._rows)
        for place, name in enumerate(batch["id"][:wanted]):  # the first process has no blanks
            image = _photograph(batch["image"][place], pl_module.hparams["data"])
            truth, prediction = (_mask(mask[place]) for mask in (batch["mask"], outputs["prediction"]))
            self._rows.append(figures.ImageTruthPrediction(name, image, truth, prediction).downscale())

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Sends the pictures to TensorBoard, from the first process."""
        assert isinstance(pl_module, SegmentationModule)
        if not self._due(trainer):
            return
        metrics = pl_module.split_metrics("val")
        with metrics.sync_context():  # which all processes enter
            counts = metrics.confmat.cpu().numpy()
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero and self._rows:
                board, step = logger.experiment, trainer.current_epoch
                board.add_figure("val/photographs", figures.prediction_grid(self._rows, pl_module.table), step)
                board.add_figure("val/confusion", figures.plot_confusion(counts, pl_module.table), step)
        self._rows, self._shown = [], trainer.current_epoch

    def _due(self, trainer: L.Trainer) -> bool:
        epoch = trainer.current_epoch
        last = trainer.max_epochs is not None and epoch == trainer.max_epochs - 1
        again = self._shown is None or epoch - self._shown >= self.every_n_epochs
        return not trainer.sanity_checking and (again or last)


def _photograph(image: Tensor, data: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Takes the normalisation of a photograph back: float `[3, H, W]` to uint8 `[H, W, 3]`."""
    mean, std = (torch.tensor(data[key], device=image.device)[:, None, None] for key in ("mean", "std"))
    return ((image * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()


def _mask(mask: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return mask.byte().cpu().numpy()
