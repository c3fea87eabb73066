"""Define the LightningModule: network, loss, metrics, optimizer and schedule."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from segdrone import __version__
from segdrone.errors import ConfigError
from segdrone.model.any_size import forward_any_size, supports_batch_of_one
from segdrone.model.callback_states import restore_callbacks
from segdrone.model.context import base_encoder
from segdrone.model.distributed import mean_over_processes
from segdrone.model.hparams import spec_from_hparams
from segdrone.model.losses import build_loss
from segdrone.model.losses.distillation import distillation_loss
from segdrone.model.losses.instance import InstanceLoss
from segdrone.model.metrics import EpochLoss, SplitMetrics
from segdrone.model.networks import build_network
from segdrone.model.optim import build_optimizer, build_scheduler
from segdrone.model.stall import COMPUTING
from segdrone.spec import INSTANCE_PLANES
from segdrone.utils.stall import mark_progress

log = logging.getLogger(__name__)

Batch = Mapping[str, Any]
Options = Mapping[str, Any]

_SPLITS = ("train", "val", "test")
LENGTH_OF_SCHEDULE = ("total_steps", "_schedule_phases")
"""Keys of a schedule's state that a resumed run computes anew."""


class SegmentationModule(L.LightningModule):
    """A segmentation network with its loss, metrics, optimizer and schedule.

    The first four arguments, `split_by` and `origin` are the hyper-parameters of a checkpoint, as plain containers. The
    checkpoint also holds the spec, and the options of the optimizer and the schedule, for a run that resumes.

    Attributes:
        network: Maps images, float32 `[B, 3, H, W]`, to logits `[B, C, H, W]`, and with an instance head to
            `[B, C + 3, H, W]`.
        spec: What the network expects and predicts.
        table: The classes, as in `spec`.
        started: Whether training has started, after a checkpoint was restored.
        metrics: `train_metrics`, `val_metrics` and `test_metrics` of the current epoch.

    Args:
        model: Name and options of the network, as in `conf/model`.
        classes: The class table, as `ClassTable.to_dict` writes it.
        data: The data config, as `DataConfig.to_dict` writes it; `mean` and `std` are required.
        splits: Ids of the photographs of `train`, `val` and `test`, so that a later evaluation can exclude those
            that were trained on.
        split_by: What decided the splits, in words, for reports.
        origin: Where the initial weights are from, as `model.origin.describe_origin` returns it.
        loss: Name and options of the loss.
        optimizer: Name and options of the optimizer.
        scheduler: Name and options of the schedule.

    Raises:
        ConfigError: A name or an option is unknown.
        CheckpointError: `data` has no mean and std, or a value is out of its range.
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
        split_by: str = "",
        origin: Options | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters("model", "classes", "data", "splits", "split_by", "origin", logger=False)
        self.spec = spec_from_hparams(model, classes, data, version=__version__)
        self.table = self.spec.classes
        self.started = False
        normalization = self.spec.mean, self.spec.std
        self.network = build_network(**model, classes=len(self.table), normalization=normalization)
        self.loss = build_loss(**(loss or {"name": "ce"}), ignore_index=self.table.ignore_index)
        self.optimizer_options = dict(optimizer or {"name": "adamw"})
        self.scheduler_options = dict(scheduler or {"name": "constant"})
        things = [self.table.names.index(name) for name in self.table.things or ()]
        self.instance_loss = InstanceLoss(things, self.table.ignore_index) if self.spec.instances else None
        self.metrics = torch.nn.ModuleDict({f"{split}_metrics": SplitMetrics(self.table) for split in _SPLITS})
        self.losses = torch.nn.ModuleDict({f"{split}_loss": EpochLoss() for split in _SPLITS})

    @property
    def encoder(self) -> torch.nn.Module:
        """The encoder, which may start from pretrained weights, without a context."""
        return base_encoder(self.network)

    def forward(self, image: Tensor) -> Tensor:
        """Maps normalized images, float32 `[B, 3, H, W]` of any size, to logits, float32 `[B, C, H, W]`.

        With an instance head, its planes follow the logits: see `ModelSpec.planes`.
        """
        return forward_any_size(self.network, image)

    def setup(self, stage: str) -> None:
        """Stores the run's seed, before a callback can start training."""
        self.run_seed = torch.initial_seed()

    def on_train_start(self) -> None:
        """Checks that no batch has only one image if the network cannot train on it, before an epoch is spent.

        Raises:
            ConfigError: The network cannot train on one image, and the last batch has one.
        """
        self.started = True
        self._align_schedule()
        loader: Any = self.trainer.train_dataloader
        samples, batch_size = len(loader.sampler), loader.batch_size
        if batch_size is None:  # batches of somebody's own loader
            return
        last_has_one = samples % batch_size == 1 and self.trainer.num_training_batches == len(loader)
        if (batch_size == 1 or last_has_one) and not supports_batch_of_one(self.network, *self.spec.training_size):
            model = self.hparams["model"]
            raise ConfigError(
                f"model.name={model['name']} on {model['encoder_name']} cannot train on a batch of one photograph (a "
                f"batch norm of it follows a global pooling), and {samples} samples in batches of {batch_size} leave "
                "one: give another data.batch_size"
            )

    def _align_schedule(self) -> None:
        """Lets the schedule go on at the epoch where a run resumes with other steps per epoch, as by its batch size."""
        scheduler: Any = self.trainer.lr_scheduler_configs[0].scheduler
        steps = math.ceil(self.trainer.num_training_batches / self.trainer.accumulate_grad_batches)
        epochs: Any = self.trainer.fit_loop.epoch_progress.current  # a `_ProcessedTracker`
        first = epochs.processed * steps
        last = first + steps if epochs.ready > epochs.processed else first  # of a checkpoint within an epoch, or not
        if not first <= scheduler.last_epoch <= last:
            log.warning(
                "resumed with %d steps per epoch instead of %.4g: the schedule goes on at epoch %d", steps,
                scheduler.last_epoch / max(1, epochs.processed), epochs.processed + 1,
            )  # fmt: skip
            scheduler.last_epoch = first

    def on_train_epoch_start(self) -> None:
        """Seeds dropout and stochastic depth by epoch, so that a resumed run equals one without interruption."""
        torch.manual_seed(self.run_seed + 1_000_003 * (self.current_epoch + 1) + self.global_rank)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Updates the metrics and returns the loss of a batch."""
        return self._step("train", batch)[0]

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Updates loss and metrics; returns `prediction`, int64 `[B, H, W]`."""
        return {"prediction": self._step("val", batch)[1]}

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Updates loss and metrics; returns the prediction and its confidence.

        `prediction` is int64 `[B, H, W]`, `confidence` the probability of the predicted class, float32 `[B, H, W]`.
        With an instance head, `planes` are those of the head, float32 `[B, 3, H, W]`.
        """
        _, prediction, output = self._step("test", batch)
        logits, planes = self._heads(output)
        heads = {} if planes is None else {"planes": planes}
        return {"prediction": prediction, "confidence": logits.softmax(1).amax(1), **heads}

    def _step(self, split: str, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Updates loss and metrics; returns the loss of the batch, the predicted classes and the network's output."""
        mark_progress(COMPUTING)  # the learning rate finder runs without other callbacks
        mask, output = batch["mask"], self(batch["image"])
        logits, planes = self._heads(output)
        batch_loss = self.loss(logits, mask)
        if "teacher" in batch:
            distilled = distillation_loss(logits, batch["teacher"], mask, self.table.ignore_index)
            batch_loss = (batch_loss + distilled) / 2
        if self.instance_loss is not None and "instances" in batch:
            batch_loss = batch_loss + self.instance_loss(planes, mask, batch["instances"])
        mean, loss = mean_over_processes(batch_loss, (mask != self.table.ignore_index).sum())
        prediction = logits.detach().max(1).indices  # twice as fast as argmax in channels-last layout
        training = split == "train"
        epoch_loss = self.epoch_loss(split)
        epoch_loss(mean, photographs=sum(name != "" for name in batch["id"]))  # padding has an empty id
        self.log(f"{split}/loss", epoch_loss, prog_bar=training, on_step=training, on_epoch=True, batch_size=len(mask))
        self.split_metrics(split).update(prediction, batch.get("truth", mask))  # pseudo-labels are no truth
        return loss, prediction, output

    def _heads(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns the logits, and the planes of the instance head, if there is one."""
        if not self.spec.instances:
            return output, None
        logits, planes = output.split([len(self.table), INSTANCE_PLANES], 1)  # two slices have a slower gradient
        return logits, planes

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Logs the scores with the last batch: the hook of the epoch's end would run after that of the callbacks."""
        if self.trainer.is_last_batch:
            self._log_scores("train")

    def on_validation_epoch_end(self) -> None:
        """Logs the scores of the epoch and the IoU of each class."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Logs the scores of the epoch and the IoU of each class."""
        self._log_scores("test")

    def split_metrics(self, split: str) -> SplitMetrics:
        """Returns the metrics of `train`, `val` or `test`."""
        metrics = self.metrics[f"{split}_metrics"]
        assert isinstance(metrics, SplitMetrics)
        return metrics

    def epoch_loss(self, split: str) -> EpochLoss:
        """Returns the mean loss of the current epoch of `train`, `val` or `test`."""
        loss = self.losses[f"{split}_loss"]
        assert isinstance(loss, EpochLoss)
        return loss

    def _log_scores(self, split: str) -> None:
        """Logs `{split}/miou` etc., and `{split}/iou/{class}`, NaN if the class is in neither truth nor prediction."""
        metrics = self.split_metrics(split)
        scores = metrics.compute()
        iou = scores.pop("iou")
        options: dict[str, Any] = {"on_step": False, "on_epoch": True, "batch_size": 1, "sync_dist": True}
        for name, score in scores.items():
            self.log(f"{split}/{name}", score, prog_bar=name == "miou", **options)
        if split != "train":
            classes = zip(self.table.names, iou, strict=True)
            self.log_dict({f"{split}/iou/{name}": value for name, value in classes}, **options)
        metrics.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the spec, and the options of the optimizer and the schedule, which a resumed run continues with."""
        checkpoint["spec"] = self.spec.to_dict()
        checkpoint["optimisation"] = {"optimizer": self.optimizer_options, "scheduler": self.scheduler_options}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restores the optimizer's options, and keeps the patience, and the length of the schedule, that are given now.

        OneCycleLR would restore the length of the first run, and fail after its end; `EarlyStopping` its patience; and
        an optimizer that was not fused, as gradients were clipped, would not be now, although it is said to be.

        Raises:
            CheckpointError: A state of a loop or a callback has another type than now.
        """
        if "optimisation" in checkpoint:
            self.optimizer_options = dict(checkpoint["optimisation"]["optimizer"])
        for group in (group for state in checkpoint.get("optimizer_states", []) for group in state["param_groups"]):
            group["fused"] = self.optimizer_options.get("fused", self._can_fuse)
        for state in checkpoint.get("lr_schedulers", []):
            for key in LENGTH_OF_SCHEDULE:
                state.pop(key, None)
        restore_callbacks(checkpoint, self.trainer)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Steps the schedule.

        Raises:
            ConfigError: It is at its end, as the checkpoint was trained with other steps per epoch.
        """
        try:
            super().lr_scheduler_step(scheduler, metric)
        except ValueError as error:
            raise ConfigError(f"the schedule cannot go on ({error}): give the batch size of the checkpoint") from error

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Builds the optimizer, and the schedule over all steps of the run.

        The optimizer is fused if it can be: one pass over the weights, in a third of the time.
        """
        optimizer = build_optimizer(self, self.encoder, **{"fused": self._can_fuse, **self.optimizer_options})
        steps = self.trainer.estimated_stepping_batches
        scheduler = build_scheduler(optimizer, **self.scheduler_options, steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @property
    def _can_fuse(self) -> bool:
        """Whether the optimizer can be fused: if gradients are clipped under mixed precision, Lightning refuses it."""
        return not (isinstance(self.trainer.precision_plugin, MixedPrecision) and self.trainer.gradient_clip_val)
