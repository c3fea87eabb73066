from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

from segdrone.errors import ConfigError
from segdrone.training import TerminateOnNaN
from tests.helpers.training import StopAfter, fit, tiny_module


def test_loss_that_is_not_finite_ends_the_run_before_a_checkpoint(tmp_path: Path) -> None:
    module = tiny_module(optimizer={"name": "sgd", "lr": 1e-3})
    fit(tmp_path, TerminateOnNaN(), StopAfter(1), module=module, max_epochs=2)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert {path.name for path in kept} == {"best.ckpt", "last.ckpt"}

    module = tiny_module(optimizer={"name": "sgd", "lr": 1e30})
    with pytest.raises(ConfigError, match=r"loss of epoch 0 is (nan|inf); give a lower optimizer\.lr than 1e\+30"):
        fit(tmp_path, TerminateOnNaN(), module=module)
    assert not all(torch.isfinite(tensor).all() for tensor in module.state_dict().values())
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept


class WithoutLabels(L.Callback):
    """Ignores all pixels that are validated."""

    def on_validation_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, *_: Any) -> None:
        batch["mask"].fill_(255)


def test_scores_of_no_pixel_end_the_run_with_an_error(tmp_path: Path) -> None:
    stop = EarlyStopping("val/miou", mode="max")  # would end it after its first epoch, as if it were finished
    with pytest.raises(ConfigError, match=r"no pixel that is validated has a label .* \(val/miou is NaN\)"):
        fit(tmp_path, WithoutLabels(), stop, TerminateOnNaN(), module=tiny_module())
    assert not [*tmp_path.glob("*.ckpt")]


class WithoutWater(L.Callback):
    """Validates no water, which the network does not predict either: as photographs beyond `limit_val_batches` do."""

    def on_validation_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, *_: Any) -> None:
        batch["mask"][batch["mask"] == 2] = 0
        head: Any = pl_module.network.segmentation_head  # type: ignore[union-attr]
        head[0].bias.data[2] = -1e4


def test_a_class_that_is_monitored_and_not_validated_ends_the_run_with_an_error(tmp_path: Path) -> None:
    callbacks = WithoutWater(), TerminateOnNaN()
    fit(tmp_path, *callbacks, module=tiny_module(), max_epochs=1)
    stop = EarlyStopping("val/iou/water", mode="max")  # would end it after its first epoch, as if it were finished
    with pytest.raises(ConfigError, match=r"no pixel that is validated shows the class .* \(val/iou/water is NaN\)"):
        fit(tmp_path, stop, *callbacks, module=tiny_module())
