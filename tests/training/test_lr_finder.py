from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from segdrone.training import LearningRateFinder
from segdrone.training.lr_finder import suggest, unbias
from tests.helpers.small_run import Compose, fit_config
from tests.helpers.training import StopAfter, batches, fit, tiny_module, weights

RATES = [1e-6 * 10 ** (step / 20) for step in range(100)]
SCHEDULE = {"name": "onecycle"}


def _finder(folder: Path, steps: int = 100) -> LearningRateFinder:
    return LearningRateFinder(str(folder), min_lr=1e-5, max_lr=1.0, num_training_steps=steps)


def _options(lr: float, encoder_lr: float | None = None) -> dict[str, Any]:
    return {"optimizer": {"name": "adamw", "lr": lr, "encoder_lr": encoder_lr}, "scheduler": SCHEDULE}


def test_fastest_descent_is_found_despite_noise_at_low_rates() -> None:
    fall = [3 - 2 / (1 + (1e-3 / rate) ** 2) for rate in RATES]  # steepest at 1e-3
    noise = [0.01 * (-1) ** step for step in range(100)]
    losses = [a + b for a, b in zip(fall, noise, strict=True)]
    found = suggest(RATES, losses)
    assert found == pytest.approx(1e-3, rel=0.3)
    assert suggest(RATES, [*losses[:90], *[float("nan")] * 10]) == found


def test_too_few_points_suggest_nothing() -> None:
    assert suggest(RATES[:12], [1.0] * 12) is None
    assert suggest(RATES, [1.0] * 12 + [float("nan")] * 88) is None
    assert suggest(RATES[:13], [*[1.0] * 12, 0.9]) is not None


@pytest.mark.parametrize("losses", [[0.0] * 100, [1 + step / 100 for step in range(100)]])
def test_a_loss_that_never_falls_suggests_nothing(losses: list[float]) -> None:
    assert suggest(RATES, losses) is None


def test_constant_loss_stays_constant_after_unbias() -> None:
    mean, smoothed = 0.0, []
    for step in range(1, 100):  # as Lightning 2.6 does, in _LRCallback.on_train_batch_end
        mean = 0.98 * mean + 0.02 * 3.0
        smoothed.append(mean / (1 - 0.98 ** (step + 1)))
    assert unbias(smoothed) == pytest.approx([3.0] * 99)


class Logged(L.Callback):
    """What each epoch logged."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.epochs.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def first_loss() -> float:
    """The loss of the first batch, before any step."""
    module, batch = tiny_module(), batches()[0]
    return float(module.loss(module.train()(batch["image"]), batch["mask"]))


@pytest.mark.parametrize("steps", [100, 18], ids=["more steps than the run has", "up to the middle of an epoch"])
def test_run_equals_one_started_with_the_suggested_rate(tmp_path: Path, steps: int) -> None:
    module = tiny_module(**_options(1e-3, encoder_lr=1e-4))
    finder, logged, other = _finder(tmp_path / "a", steps), Logged(), Logged()
    trainer = fit(tmp_path / "a", finder, logged, module=module, max_epochs=5)
    assert finder.optimal_lr is not None
    assert finder.optimal_lr.results["lr"][-1] == pytest.approx(1.0)  # though the run has 20 steps
    assert unbias(finder.optimal_lr.results["loss"])[0] == pytest.approx(first_loss(), rel=1e-5)
    found = module.optimizer_options["lr"]
    assert 1e-5 < found < 1.0
    assert found != 1e-3
    assert module.optimizer_options["encoder_lr"] == pytest.approx(found / 10)
    assert [group["max_lr"] for group in trainer.optimizers[0].param_groups] == pytest.approx([found / 10, found])
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"best.ckpt", "last.ckpt", "lr_finder.png"}

    reference = tiny_module(**_options(found, module.optimizer_options["encoder_lr"]))
    fit(tmp_path / "b", other, module=reference, max_epochs=5)
    assert torch.equal(weights(module), weights(reference))
    assert len(logged.epochs) == 5
    assert [{**epoch} for epoch in logged.epochs] == [{**epoch} for epoch in other.epochs]


def test_what_is_validated_at_the_tested_rates_is_no_score_of_a_run_without_validation(small_config: Compose) -> None:
    made = fit_config(
        small_config("callbacks=[default,lr_finder]", "trainer.limit_val_batches=0", "trainer.max_epochs=2")
    )
    assert "train/miou" in made["trainer"].callback_metrics
    assert not [name for name in made["trainer"].callback_metrics if name.startswith("val/")]


def test_resumed_run_keeps_its_learning_rates(tmp_path: Path) -> None:
    uninterrupted, resumed = tiny_module(**_options(1e-3)), tiny_module(seed=1, **_options(1e-3))
    fit(tmp_path / "a", _finder(tmp_path), StopAfter(3), module=tiny_module(**_options(1e-3)), max_epochs=4)
    fit(tmp_path / "b", _finder(tmp_path), module=uninterrupted, max_epochs=4)
    fit(tmp_path / "c", _finder(tmp_path), module=resumed, max_epochs=4, ckpt_path=tmp_path / "a" / "last.ckpt")
    assert torch.equal(weights(uninterrupted), weights(resumed))


def test_too_few_steps_change_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    module, reference = tiny_module(**_options(1e-3)), tiny_module(**_options(1e-3))
    fit(tmp_path / "a", _finder(tmp_path), module=module)
    fit(tmp_path / "b", module=reference)
    assert "the learning rate stays 0.001: the loss fell at none of 8 tested rates, or these are too few" in caplog.text
    assert torch.equal(weights(module), weights(reference))


def test_each_step_of_the_test_is_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else `trainer.stall_timeout` would end a test whose steps take long together."""
    marks: list[str] = []

    class Watch:
        def mark(self, step: str) -> None:
            marks.append(step)

    monkeypatch.setattr("segdrone.utils.stall._watches", [Watch()])
    fit(tmp_path, _finder(tmp_path, 6), module=tiny_module(**_options(1e-3)))
    assert marks.count("computing a batch") >= 6 + 8 + 4  # of the test, of training and of validation
