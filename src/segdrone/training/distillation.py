"""Train a network on the predictions of finished ones, beside the masks (knowledge distillation)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch

from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule
from segdrone.model.any_size import forward_any_size
from segdrone.model.checkpoint import load_model
from segdrone.model.ensemble import Ensemble
from segdrone.model.finetune import compare_splits
from segdrone.spec import ModelSpec

log = logging.getLogger(__name__)


class Distillation(L.Callback):
    """Gives each training batch the class probabilities that teachers predict for it.

    The loss is then half that of the masks, half the cross-entropy with these probabilities on the same pixels (Hinton
    et al. 2015, "Distilling the knowledge in a neural network", at temperature 1). The teachers see each photograph
    as augmentation made it, in their own normalization. They are in no checkpoint.

    Args:
        checkpoints: Checkpoints of the teachers, whose probabilities are averaged; an ensemble may be among them.
        module: The module that learns.

    Raises:
        CheckpointError: As `load_network`.
        ConfigError: A teacher predicts other classes, or tells things apart.
    """

    def __init__(self, checkpoints: Sequence[str | Path], module: SegmentationModule) -> None:
        networks, normalizations = [], []
        for path in checkpoints:
            network, spec, hparams = load_model(path)
            if spec.classes.names != module.table.names:
                raise ConfigError(
                    f"distil_from={path} predicts the classes {', '.join(spec.classes.names)}, and this training "
                    f"{', '.join(module.table.names)}: give a checkpoint of the same classes, in the same order"
                )
            if spec.instances:
                raise ConfigError(f"distil_from={path} tells things apart: give a checkpoint without an instance head")
            _compare_pixels(path, spec, module.spec)
            compare_splits(f"distil_from={path}", hparams, module.hparams["splits"])
            networks.append(network)
            normalizations.append((spec.mean, spec.std))
        teacher = Ensemble(networks, normalizations, (module.spec.mean, module.spec.std))
        self._teacher = teacher.eval().requires_grad_(False)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Moves the teachers to the device of the training."""
        self._teacher.to(trainer.strategy.root_device)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Frees the memory of a GPU."""
        self._teacher.cpu()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: dict[str, Any], batch_idx: int
    ) -> None:
        """Puts the probabilities, float32 `[B, C, H, W]`, into the batch."""
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            batch["teacher"] = forward_any_size(self._teacher, batch["image"].float()).exp()  # as the teachers are


def _compare_pixels(path: str | Path, teacher: ModelSpec, own: ModelSpec) -> None:
    """Warns if a teacher was trained on other bands, at another scale, or on classes that were merged otherwise."""
    merged = teacher.class_groups is not None and own.class_groups is not None
    keys = ["bands", "stretch", "sampling", "scale", *(["class_groups"] if merged else [])]
    keys += ["training_size"] if own.sampling == "whole" else []
    differences = [
        f"{key}={getattr(teacher, key)}, here it is {getattr(own, key)}"
        for key in keys
        if getattr(teacher, key) != getattr(own, key)
    ]
    if differences:
        log.warning(
            "distil_from=%s was trained with %s: on the samples of this training it may predict wrong classes",
            path, "; ".join(differences),
        )  # fmt: skip


def teacher_paths(distil_from: Any) -> list[str]:
    """Returns the checkpoints of the config key `distil_from`, a path or a list of them.

    Raises:
        ConfigError: It is neither.

    Example:
        >>> teacher_paths("best.ckpt"), teacher_paths(None)
        (['best.ckpt'], [])
    """
    paths = [distil_from] if isinstance(distil_from, str) else [] if distil_from is None else distil_from
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ConfigError(f"distil_from={distil_from} must be a checkpoint, or a list such as [A.ckpt,B.ckpt]")
    return paths
