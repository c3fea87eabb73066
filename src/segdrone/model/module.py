"""The LightningModule: network, loss and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.model.losses import build_loss
from segdrone.model.metrics import PhotographCounts, class_iou, overall_metrics
from segdrone.model.networks import build_network, fitting_size, learns_from_one
from segdrone.model.optimisation import build_optimizer, build_scheduler

Batch = Mapping[str, Any]
Options = Mapping[str, Any]


class SegmentationModule(L.LightningModule):
    """A segmentation network with its loss, metrics, optimizer and schedule.

    The first four arguments go into the checkpoint as plain containers, and are all that
    prediction needs; how it was trained does not.

    Attributes:
        table: The classes.
        class_iou: IoU by class, and the confusion matrix, of the validation or test epoch under way.
        photograph_counts: The confusion matrix of each photograph last tested.

    Args:
        model: Name and options of the network, as in `conf/model`.
        classes: The class table, as `ClassTable.to_dict` writes it.
        data: The data config, as `DataConfig.to_dict` writes it: normalisation, size, sampling.
        splits: Ids of the photographs of `train`, `val` and `test`, so that a later evaluation
            knows which were trained on.
        loss: Name and options of the loss.
        optimizer: Name and options of the optimizer.
        scheduler: Name of the schedule.

    Raises:
        ConfigError: A name or an option is unknown.
    """

    def __init__(
        self,
        model: Options,
        classes: Options,
        data: Options,
        splits: Mapping[str, list[str]],
        loss: Options | None = None,
        optimizer: Options | None = None,
        scheduler: Options | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters("model", "classes", "data", "splits", logger=False)
        self.table = ClassTable.from_dict(classes)
        self.network = build_network(**model, classes=len(self.table))
        self.loss = build_loss(**(loss or {"name": "ce"}), ignore_index=self.table.ignore_index)
        self.optimizer_options = dict(optimizer or {"name": "adamw"})
        self.scheduler_options = dict(scheduler or {"name": "constant"})
        self.overall = torch.nn.ModuleDict(
            {f"{split}_metrics": overall_metrics(self.table, split) for split in ("train", "val", "test")}
        )
        self.class_iou = class_iou(self.table)
        self.photograph_counts = PhotographCounts(self.table)

    @property
    def encoder(self) -> torch.nn.Module:
        """The encoder, which may start from pretrained weights."""
        encoder = self.network.encoder
        assert isinstance(encoder, torch.nn.Module)
        return encoder

    def forward(self, image: Tensor) -> Tensor:
        """Maps normalised photographs, float32 `[B, 3, H, W]`, to logits, float32 `[B, C, H, W]`.

        Height and width may be anything: where the network takes only some sizes, the photographs
        are padded by their edge pixels, and the logits cut back.
        """
        height, width = image.shape[-2:]
        taken_height, taken_width = fitting_size(self.network, height, width)
        if (taken_height, taken_width) != (height, width):
            padding = (0, taken_width - width, 0, taken_height - height)
            image = torch.nn.functional.pad(image, padding, mode="replicate")
        logits: Tensor = self.network(image)
        return logits[..., :height, :width]

    def on_fit_start(self) -> None:
        """Keeps the run's seed."""
        self.run_seed = torch.initial_seed()

    def on_train_start(self) -> None:
        """Refuses a last batch of one image, before an epoch has been spent on coming to it.

        Raises:
            ConfigError: The network cannot learn from one image, and the batches leave one.
        """
        loader: Any = self.trainer.train_dataloader
        samples, batch_size = len(loader.sampler), loader.batch_size
        alone = samples % batch_size == 1 and self.trainer.num_training_batches == len(loader)
        if (batch_size == 1 or alone) and not learns_from_one(self.network):
            raise ConfigError(
                f"model.name={self.hparams['model']['name']} takes no training batch of one photograph (its batch-norm "
                f"follows a global pooling), and {samples} samples in batches of {batch_size} leave one: give another "
                "data.batch_size"
            )

    def on_train_epoch_start(self) -> None:
        """Seeds dropout and stochastic depth by epoch, so that a resumed run draws what it would have drawn."""
        torch.manual_seed(self.run_seed + 1_000_003 * (self.current_epoch + 1))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Returns the loss of a batch, and counts its metrics."""
        loss, _ = self._step("train", batch)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Counts a batch's loss and metrics; returns `prediction`, int64 `[B, H, W]`."""
        return {"prediction": self._step("val", batch)[1]}

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Counts a batch's loss and metrics, and each photograph's confusion matrix."""
        _, prediction = self._step("test", batch)
        self.photograph_counts.update(batch["id"], prediction, batch["mask"])
        return {"prediction": prediction}

    def on_test_epoch_start(self) -> None:
        """Starts counting photographs afresh."""
        self.photograph_counts = PhotographCounts(self.table)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Returns the class of each pixel, int64 `[B, H, W]`."""
        return self(batch["image"]).argmax(1)  # type: ignore[no-any-return]

    def _step(self, split: str, batch: Batch) -> tuple[Tensor, Tensor]:
        mask = batch["mask"]
        logits = self(batch["image"])
        loss = self.loss(logits, mask)
        prediction = logits.detach().argmax(1)
        training = split == "train"
        self.log(f"{split}/loss", loss, prog_bar=training, on_step=training, on_epoch=True, batch_size=len(mask))
        for name, metric in self.overall[f"{split}_metrics"].items():  # type: ignore[operator]
            metric.update(prediction, mask)
            self.log(name, metric, prog_bar=name.endswith("miou"), on_step=False, on_epoch=True)
        if not training:
            self.class_iou.update(prediction, mask)
        return loss, prediction

    def on_validation_epoch_end(self) -> None:
        """Logs the IoU of each class, NaN where it occurs in neither truth nor prediction."""
        self._log_class_iou("val")

    def on_test_epoch_end(self) -> None:
        """Logs the IoU of each class, NaN where it occurs in neither truth nor prediction."""
        self._log_class_iou("test")

    def _log_class_iou(self, split: str) -> None:
        scores = zip(self.table.names, self.class_iou.compute(), strict=True)
        self.log_dict({f"{split}/iou/{name}": iou for name, iou in scores})
        self.class_iou.reset()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lets a run that resumes with other `max_epochs` go on along a schedule of the new length.

        OneCycleLR would restore the length it was first made for, and fail past its end.
        """
        for state in checkpoint["lr_schedulers"]:
            state.pop("total_steps", None)
            state.pop("_schedule_phases", None)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Builds the optimizer, and the schedule over all steps of the run."""
        optimizer = build_optimizer(self.parameters(), **self.optimizer_options)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = build_scheduler(optimizer, **self.scheduler_options, steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
