from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from segdrone.training import LearningRateFinder
from tests.tiny import StopAfter, fit, tiny_module, weights

SCHEDULE = {"name": "onecycle"}


def _finder(folder: Path) -> LearningRateFinder:
    return LearningRateFinder(str(folder), min_lr=1e-5, max_lr=1.0, num_training_steps=100)


def _options(lr: float, encoder_lr: float | None = None) -> dict[str, Any]:
    return {"optimizer": {"name": "adamw", "lr": lr, "encoder_lr": encoder_lr}, "scheduler": SCHEDULE}


class Logged(L.Callback):
    """What each epoch logged."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.epochs.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def test_the_run_is_that_of_the_rate_found_and_nothing_else_is_left(tmp_path: Path) -> None:
    module = tiny_module(**_options(1e-3, encoder_lr=1e-4))
    finder, logged, other = _finder(tmp_path / "a"), Logged(), Logged()
    trainer = fit(tmp_path / "a", finder, logged, module=module, max_epochs=5)
    assert finder.optimal_lr is not None
    assert finder.optimal_lr.results["lr"][-1] == pytest.approx(1.0)  # though the run has no 100 steps
    found = module.optimizer_options["lr"]
    assert 1e-5 < found < 1.0
    assert found != 1e-3
    assert module.optimizer_options["encoder_lr"] == pytest.approx(found / 10)
    assert [group["max_lr"] for group in trainer.optimizers[0].param_groups] == pytest.approx([found / 10, found])
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"best.ckpt", "last.ckpt", "lr_finder.png"}

    told = tiny_module(**_options(found, module.optimizer_options["encoder_lr"]))
    fit(tmp_path / "b", other, module=told, max_epochs=5)
    assert torch.equal(weights(module), weights(told))
    assert len(logged.epochs) == 5
    assert [{**epoch} for epoch in logged.epochs] == [{**epoch} for epoch in other.epochs]


def test_a_resumed_run_keeps_its_rates(tmp_path: Path) -> None:
    whole, resumed = tiny_module(**_options(1e-3)), tiny_module(seed=1, **_options(1e-3))
    fit(tmp_path / "a", _finder(tmp_path), StopAfter(3), module=tiny_module(**_options(1e-3)), max_epochs=4)
    fit(tmp_path / "b", _finder(tmp_path), module=whole, max_epochs=4)
    fit(tmp_path / "c", _finder(tmp_path), module=resumed, max_epochs=4, ckpt_path=tmp_path / "a" / "last.ckpt")
    assert torch.equal(weights(whole), weights(resumed))


def test_too_few_steps_suggest_nothing_and_change_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    module, told = tiny_module(**_options(1e-3)), tiny_module(**_options(1e-3))
    fit(tmp_path / "a", _finder(tmp_path), module=module)
    fit(tmp_path / "b", module=told)
    assert "8 steps suggest no learning rate: it stays 0.001" in caplog.text
    assert torch.equal(weights(module), weights(told))
