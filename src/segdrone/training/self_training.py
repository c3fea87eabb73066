"""Learn from photographs without masks by pseudo-labels of a mean teacher (self-training)."""

from __future__ import annotations

import logging
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torchvision.transforms import v2

from segdrone.data import SegmentationDataModule
from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule
from segdrone.training.adapt_batch_norm import batch_norms
from segdrone.training.weight_averaging import EMA

log = logging.getLogger(__name__)

FEW = 0.01
"""Share of confident pixels below which a warning says that there is little to learn from."""


class SelfTraining(EMA):
    """Trains on the predictions of a teacher for photographs without masks.

    The teacher is the exponential moving average of the weights (Tarvainen & Valpola 2017, "Mean teachers are better
    role models"), which is also what is validated and saved. It predicts each photograph as it comes from the
    augmentation of `conf/augment`, and what it is confident of is the mask that the network learns from, on the same
    photograph in other colors and out of focus (French et al. 2020, section 3). With labeled photographs in the batch,
    half of the classes of one of them are pasted on it (Olsson et al. 2021, "ClassMix"; Tranheden et al. 2021, "DACS").
    Pseudo-labels are in no score. Batch-norm statistics stay those of the checkpoint: changed and mixed photographs
    would move them away from those that are predicted. `AdaptBatchNorm` adapts them before.

    Args:
        decay: Weight of the previous average in the next one, 0 to 1, from the first step.
        confidence: Smallest probability of a pseudo-label, 0 to 1. Pixels below it are ignored, but at most half of
            those of a class in a batch: otherwise rare classes are forgotten (Zou et al. 2018, class-balanced
            self-training).
        color: Largest change of brightness, contrast and saturation, 0 to 1; that of the hue is a quarter of it.
        paste: Whether labeled classes are pasted.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(self, decay: float, confidence: float, color: float, paste: bool) -> None:
        for name, value in {"confidence": confidence, "color": color}.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ConfigError(f"{name}={value} must be a number from 0 to 1")
        super().__init__(decay)
        self._kwargs["multi_avg_fn"] = get_ema_multi_avg_fn(decay)  # it starts from trained weights, not from random
        self.confidence, self.paste = confidence, paste
        jitter = v2.ColorJitter(color, color, color, color / 4)
        self._change = v2.Compose([jitter, v2.RandomApply([v2.GaussianBlur(5, (0.15, 1.15))], 0.5)])
        self._confident = self._unlabeled = 0  # pixels of an epoch, in this process
        self._warned = False

    @property
    def state_key(self) -> str:
        """Key of the state in a checkpoint."""
        return "SelfTraining"

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Makes the initial weights the first average; torch would replace them by those after the first step."""
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.n_averaged.fill_(1)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Warns if masks are trained on: then this only averages the weights."""
        datamodule = getattr(trainer, "datamodule", None)
        if isinstance(datamodule, SegmentationDataModule) and not datamodule.config.unlabeled:
            log.warning("callbacks self_training has no photographs without masks: give data.unlabeled=true")

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: dict[str, Any], batch_idx: int
    ) -> None:
        """Gives the photographs without a mask in a batch their pseudo-labels, and changes these photographs.

        Batch-norm statistics are kept. This is said at each batch, as `FreezeEncoder` may say otherwise at its epoch.
        """
        assert isinstance(pl_module, SegmentationModule)
        for layer in batch_norms(pl_module):
            layer.eval()
        free = batch.get("unlabeled")
        if free is None or not free.any():
            return
        rows = torch.nonzero(free.flatten(1).any(1)).flatten()
        mask, images = batch["mask"], batch["image"]
        batch["truth"] = mask  # pseudo-labels are compared with nothing
        label = self._predict(trainer, images[rows], free[rows], pl_module.table.ignore_index)
        batch["mask"], batch["image"] = mask.clone(), images.clone()
        batch["mask"][rows] = label.where(free[rows], mask[rows])  # parts of others that are mixed in have their labels
        batch["image"][rows] = self._change_colors(pl_module, images[rows])
        others = [row for row in range(len(mask)) if row not in rows.tolist()]
        if self.paste and others:
            for i, row in enumerate(rows.tolist()):
                paste_classes(batch, others[i % len(others)], row, pl_module.table.ignore_index)

    def _predict(self, trainer: L.Trainer, images: Tensor, free: Tensor, ignore_index: int) -> Tensor:
        """Returns the pseudo-labels, int64 `[B, H, W]`."""
        assert self._average_model is not None
        teacher = self._average_model.module.eval()
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            confidence, label = teacher(images).softmax(1).max(1)
        self._confident += int((free & (confidence >= self.confidence)).sum())
        self._unlabeled += int(free.sum())
        limits = torch.full_like(confidence, self.confidence)
        for found in label[free].unique():
            of_class = free & (label == found)
            limits[of_class] = confidence[of_class].median().clamp(max=self.confidence)
        return torch.where(free & (confidence >= limits), label, ignore_index)

    def _change_colors(self, module: SegmentationModule, images: Tensor) -> Tensor:
        """Returns normalized images, float32 `[B, 3, H, W]`, each in other colors."""
        scale = (module.spec.mean, module.spec.std)
        mean, std = (torch.tensor(values, device=images.device).view(3, 1, 1) for values in scale)
        changed = [(self._change((image * std + mean).clamp(0, 1)) - mean) / std for image in images]
        return torch.stack(changed)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Logs the share of pixels that the teacher is confident of, of all processes; warns once if there are few."""
        super().on_train_epoch_end(trainer, pl_module)
        counts = torch.tensor([self._confident, self._unlabeled], device=pl_module.device)
        confident, unlabeled = trainer.strategy.reduce(counts, reduce_op="sum").tolist()
        self._confident = self._unlabeled = 0
        if not unlabeled:
            return
        share = confident / unlabeled
        pl_module.log("train/pseudo_labels", share, sync_dist=True)
        if share < FEW and not self._warned:
            self._warned = True
            log.warning(
                "the teacher is confident of %.1f %% of the pixels of photographs without masks, so that little is "
                "learned from them: give a lower callbacks.averaging.confidence than %g", 100 * share, self.confidence,
            )  # fmt: skip


def paste_classes(batch: dict[str, Any], source: int, target: int, ignore_index: int) -> None:
    """Pastes the pixels of half the classes of a labeled image, and their labels, on another image (ClassMix).

    Args:
        batch: `image` `[B, 3, H, W]` and `mask` int64 `[B, H, W]`; changed in place.
        source: Index of the image whose classes are pasted.
        target: Index of the image that they are pasted on.
        ignore_index: The id that is no class.
    """
    image, mask = batch["image"], batch["mask"]
    classes = mask[source].unique()
    classes = classes[classes != ignore_index]
    chosen = classes[torch.randperm(len(classes))[: (len(classes) + 1) // 2].to(classes.device)]
    pasted = torch.isin(mask[source], chosen)
    mask[target] = torch.where(pasted, mask[source], mask[target])
    image[target] = torch.where(pasted, image[source], image[target])
