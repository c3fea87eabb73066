from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from segdrone.training import FreezeEncoder
from tests.helpers.training import StopAfter, fit, tiny_module, weights


class Record(L.Callback):
    """Weights of encoder and the rest after each epoch."""

    def __init__(self) -> None:
        self.encoder: list[torch.Tensor] = []
        self.decoder: list[torch.Tensor] = []
        self.learns: list[bool] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.learns.append(any(parameter.requires_grad for parameter in pl_module.encoder.parameters()))  # type: ignore[union-attr]
        self.encoder.append(weights(pl_module.encoder))  # type: ignore[arg-type]
        self.decoder.append(weights(pl_module.network.decoder))  # type: ignore[arg-type, union-attr]


def test_encoder_weights_and_statistics_stay_frozen(tmp_path: Path) -> None:
    module, record = tiny_module(), Record()
    before = weights(module.encoder)
    fit(tmp_path, FreezeEncoder(epochs=2), record, module=module, max_epochs=3)
    assert torch.equal(record.encoder[0], before)
    assert torch.equal(record.encoder[1], before)
    assert not torch.equal(record.decoder[0], record.decoder[1])
    assert not torch.equal(record.encoder[2], before)
    assert record.learns == [False, False, True]  # no gradients are computed in vain
    assert all(layer.training for layer in module.encoder.modules())


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_run_resumed_before_or_after_unfreezing_ends_with_the_same_weights(stop: int, tmp_path: Path) -> None:
    options: dict[str, Any] = {"optimizer": {"name": "adamw", "lr": 1e-3}, "scheduler": {"name": "poly", "power": 0.9}}
    uninterrupted, resumed = tiny_module(**options), tiny_module(seed=1, **options)
    fit(tmp_path / "a", FreezeEncoder(epochs=2), StopAfter(stop), module=tiny_module(**options), max_epochs=4)
    fit(tmp_path / "b", FreezeEncoder(epochs=2), module=uninterrupted, max_epochs=4)
    fit(tmp_path / "c", FreezeEncoder(2), module=resumed, max_epochs=4, ckpt_path=tmp_path / "a/last.ckpt")
    assert torch.equal(weights(uninterrupted), weights(resumed))


def test_run_resumed_within_a_frozen_epoch_stays_frozen(tmp_path: Path) -> None:
    first, resumed, record = tiny_module(), tiny_module(seed=1), Record()
    frozen = weights(first.encoder)
    every_two = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=2, save_top_k=-1)
    fit(tmp_path, FreezeEncoder(epochs=1), every_two, module=first, max_epochs=1)
    fit(tmp_path, FreezeEncoder(epochs=1), record, module=resumed, ckpt_path=tmp_path / "step=2.ckpt")
    assert torch.equal(record.encoder[0], frozen)
    assert not torch.equal(record.encoder[1], frozen)
