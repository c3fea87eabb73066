from copy import deepcopy
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from torch import Tensor

from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule, load_module
from segdrone.training import EMA, SWA, FreezeEncoder
from tests.helpers.training import StopAfter, batches, fit, tiny_module, weights

OPTIONS: dict[str, Any] = {"optimizer": {"name": "adamw", "lr": 1e-2}}


class Record(L.Callback):
    """The weights after each step, and what was validated after each epoch."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Tensor]] = []
        self.validated: list[Tensor] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        self.steps.append(deepcopy(pl_module.state_dict()))

    def on_validation_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        if args[1] == 0:
            self.validated.append(weights(pl_module))

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.losses.append(float(trainer.callback_metrics["val/loss"]))


def _loss(module: SegmentationModule) -> float:
    """As `fit` validates."""
    with torch.no_grad():
        return float(torch.stack([module.loss(module(batch["image"]), batch["mask"]) for batch in batches(2)]).mean())


def test_ema_follows_its_formula(tmp_path: Path) -> None:
    module, record = tiny_module(**OPTIONS), Record()
    fit(tmp_path, EMA(decay=0.35), record, module=module)
    name = "network.segmentation_head.0.weight"
    average = record.steps[0][name]
    for count, step in enumerate(record.steps[1:], start=1):
        decay = min(0.35, (1 + count) / (10 + count))
        average = decay * average + (1 - decay) * step[name]
    torch.testing.assert_close(module.state_dict()[name], average)


@pytest.mark.parametrize("averaging", [EMA(0.9), SWA(0.0)], ids=["ema", "swa"])
def test_validated_weights_are_those_in_the_checkpoint(averaging: WeightAveraging, tmp_path: Path) -> None:
    module, record = tiny_module(**OPTIONS), Record()
    trainer = fit(tmp_path, averaging, record, module=module)
    best = load_module(trainer.checkpoint_callback.best_model_path)  # type: ignore[union-attr]
    assert _loss(best) == pytest.approx(min(record.losses), abs=1e-6)
    assert any(torch.equal(weights(best), validated) for validated in record.validated)
    last = load_module(tmp_path / "last.ckpt")
    assert torch.equal(weights(last), record.validated[-1])
    assert torch.equal(weights(last), weights(module))
    current = torch.load(tmp_path / "last.ckpt", weights_only=True)["current_model_state"]
    assert all(torch.equal(tensor, record.steps[-1][name]) for name, tensor in current.items())
    head = "network.segmentation_head.0.weight"
    assert not torch.equal(current[head], last.state_dict()[head])


def test_swa_is_the_mean_of_the_weights_at_the_end_of_the_last_epochs(tmp_path: Path) -> None:
    module, record = tiny_module(**OPTIONS), Record()
    fit(tmp_path, SWA(start=0.4), record, module=module, max_epochs=5)
    ends = [{name: tensor.float() for name, tensor in step.items()} for step in record.steps[3::4]]
    for epoch in (0, 1, 2):  # until two are averaged: the weights and statistics as they are
        assert torch.equal(record.validated[epoch], torch.cat([tensor.flatten() for tensor in ends[epoch].values()]))
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(parameter.data, (ends[2][name] + ends[3][name] + ends[4][name]) / 3)


def test_swa_computes_batch_norm_statistics_on_the_training_images(tmp_path: Path) -> None:
    module = tiny_module(**OPTIONS)
    fit(tmp_path, SWA(start=0.0), module=module)
    layer = module.eval().encoder.model.bn1  # type: ignore[union-attr]
    means: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: means.append(inputs[0].mean((0, 2, 3))))  # type: ignore[union-attr]
    with torch.no_grad():
        for batch in batches(4):
            module(batch["image"])
    handle.remove()
    torch.testing.assert_close(layer.running_mean, torch.stack(means).mean(0))  # type: ignore[union-attr]


def test_each_batch_of_these_statistics_is_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[str] = []

    class Watch:
        def mark(self, step: str) -> None:
            marks.append(step)

    monkeypatch.setattr("segdrone.utils.stall._watches", [Watch()])
    fit(tmp_path, SWA(start=0.0), module=tiny_module(**OPTIONS))
    assert marks.count("computing batch-norm statistics") == 4


def test_swa_keeps_the_statistics_of_a_frozen_encoder(tmp_path: Path) -> None:
    module = tiny_module(**OPTIONS)
    encoder, others = weights(module.encoder), weights(module.network.decoder)  # type: ignore[arg-type]
    fit(tmp_path, SWA(start=0.0), FreezeEncoder(epochs=2), module=module)
    kept = load_module(tmp_path / "last.ckpt")
    assert torch.equal(weights(kept.encoder), encoder)
    assert not torch.equal(weights(kept.network.decoder), others)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_weights_of_another_precision_are_not_averaged(precision: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"trainer.precision={precision} keeps no weights that could be averaged"):
        fit(tmp_path, EMA(0.9), module=tiny_module(), precision=precision)


@pytest.mark.parametrize("averaging", [EMA(0.9), SWA(0.0)], ids=["ema", "swa"])
def test_checkpoints_of_weights_that_were_not_validated_are_refused(averaging: WeightAveraging, tmp_path: Path) -> None:
    """Lightning asks no callback for the weights of such a checkpoint, also not the one that has the average."""
    weights_alone = ModelCheckpoint(tmp_path, monitor="val/miou", mode="max", save_weights_only=True)
    with pytest.raises(ConfigError, match="save_weights_only=true of .* keeps the current weights, not the averages"):
        fit(tmp_path, averaging, weights_alone, module=tiny_module())


def test_swa_needs_a_number_of_epochs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give trainer.max_epochs"):
        fit(tmp_path, SWA(start=0.5), module=tiny_module(), max_epochs=-1, max_steps=4)


@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize("make", [lambda: EMA(0.9), lambda: SWA(0.25)], ids=["ema", "swa"])
def test_resumed_run_ends_with_the_same_average(make: Any, stop: int, tmp_path: Path) -> None:
    uninterrupted, resumed = tiny_module(**OPTIONS), tiny_module(seed=1, **OPTIONS)
    fit(tmp_path / "a", make(), StopAfter(stop), module=tiny_module(**OPTIONS), max_epochs=4)
    fit(tmp_path / "b", make(), module=uninterrupted, max_epochs=4)
    fit(tmp_path / "c", make(), module=resumed, max_epochs=4, ckpt_path=tmp_path / "a" / "last.ckpt")
    assert torch.equal(weights(uninterrupted), weights(resumed))


def test_checkpoints_keep_the_state_keys_of_0_1_0() -> None:
    assert (EMA(0.9).state_key, SWA(0.5).state_key) == ("ExponentialAverage", "StochasticAverage")
