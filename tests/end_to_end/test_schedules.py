"""Optimizer and schedule in whole runs, resumed ones too."""

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from segdrone.model.optim import build_optimizer, build_scheduler
from tests.helpers.training import StopAfter, fit, tiny_module, weights

SCHEDULES: list[dict[str, Any]] = [
    {"name": "onecycle"}, {"name": "poly", "power": 0.9}, {"name": "cosine", "warmup": 0.1}, {"name": "constant"},
]  # fmt: skip


class Rates(L.Callback):
    """Records the learning rate of every optimizer step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Any) -> None:
        self.values.append(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule["name"])
def test_a_run_resumed_with_more_epochs_follows_the_longer_schedule(schedule: dict[str, Any], tmp_path: Path) -> None:
    fit(tmp_path / "a", module=tiny_module(scheduler=schedule), max_epochs=1)
    rates = Rates()
    fit(tmp_path / "b", rates, module=tiny_module(scheduler=schedule), max_epochs=3, ckpt_path=tmp_path / "a/last.ckpt")
    assert len(rates.values) == 8
    assert rates.values[1:] == pytest.approx(
        _planned(schedule, 12)[5:]
    )  # the first step has the rate in the checkpoint


def _planned(schedule: dict[str, Any], steps: int) -> list[float]:
    """Returns the rate of each step of a run without interruption."""
    layer = torch.nn.Linear(1, 1)
    optimizer = build_optimizer(layer, layer, "adamw")
    scheduler = build_scheduler(optimizer, **schedule, steps=steps)
    planned = []
    for _ in range(steps):
        planned.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return planned


@pytest.mark.parametrize("schedule", SCHEDULES[:3], ids=lambda schedule: schedule["name"])
@pytest.mark.parametrize(("before", "now"), [(1, 2), (4, 1)])
def test_a_run_resumed_with_other_steps_per_epoch_is_at_the_same_epoch_of_its_schedule(
    schedule: dict[str, Any], before: int, now: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As with another batch size: a rate that is 0 for the rest of the run would teach nothing."""
    options: dict[str, Any] = {"max_epochs": 4}
    fit(tmp_path / "a", StopAfter(2), module=tiny_module(scheduler=schedule), accumulate_grad_batches=before, **options)
    rates = Rates()
    resumed: dict[str, Any] = {"ckpt_path": tmp_path / "a/last.ckpt", "accumulate_grad_batches": now}
    fit(tmp_path / "b", rates, module=tiny_module(scheduler=schedule), **options, **resumed)
    steps = 4 // now
    assert len(rates.values) == 2 * steps
    assert rates.values[1:] == pytest.approx(_planned(schedule, 4 * steps)[2 * steps + 1 :])
    assert f"resumed with {steps} steps per epoch instead of {4 // before}: the schedule goes on at" in caplog.text


@pytest.mark.parametrize("schedule", SCHEDULES[:3], ids=lambda schedule: schedule["name"])
def test_a_few_steps_fewer_per_epoch_are_not_taken_for_a_part_of_the_next_epoch(
    schedule: dict[str, Any], tmp_path: Path
) -> None:
    """The schedule would be at its end, where `onecycle` ends the run, before the last epoch is."""
    fit(tmp_path / "a", StopAfter(1), module=tiny_module(scheduler=schedule), max_epochs=4)
    rates = Rates()
    resumed: dict[str, Any] = {"ckpt_path": tmp_path / "a/last.ckpt", "max_epochs": 4, "limit_train_batches": 3}
    fit(tmp_path / "b", rates, module=tiny_module(scheduler=schedule), **resumed)
    assert rates.values[1:] == pytest.approx(_planned(schedule, 12)[4:])


@pytest.mark.parametrize("schedule", SCHEDULES[1:3], ids=lambda schedule: schedule["name"])
def test_a_resumed_run_ends_with_the_same_weights(schedule: dict[str, Any], tmp_path: Path) -> None:
    options: dict[str, Any] = {"scheduler": schedule, "optimizer": {"name": "adamw", "lr": 1e-2, "encoder_lr": 1e-3}}
    uninterrupted, resumed = tiny_module(**options), tiny_module(seed=1, **options)
    fit(tmp_path / "a", StopAfter(1), module=tiny_module(**options))
    fit(tmp_path / "b", module=uninterrupted)
    fit(tmp_path / "c", module=resumed, ckpt_path=tmp_path / "a/last.ckpt")
    assert torch.equal(weights(uninterrupted), weights(resumed))


def test_a_schedule_counts_optimizer_steps_where_gradients_accumulate(tmp_path: Path) -> None:
    rates = Rates()
    trainer = fit(tmp_path, rates, module=tiny_module(scheduler={"name": "onecycle"}), accumulate_grad_batches=3)
    scheduler = trainer.lr_scheduler_configs[0].scheduler
    assert isinstance(scheduler, torch.optim.lr_scheduler.OneCycleLR)
    assert len(rates.values) == trainer.global_step == scheduler.total_steps == 4  # 3 and 1 batches, twice
    assert rates.values[-1] < 1e-6


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_clipped_in_any_precision(precision: str, tmp_path: Path) -> None:
    norms: list[float] = []

    class Norm(L.Callback):
        def on_before_zero_grad(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Any) -> None:
            grads = [parameter.grad.norm() for parameter in pl_module.parameters() if parameter.grad is not None]
            norms.append(float(torch.stack(grads).norm())) if grads else None

    fit(tmp_path, Norm(), module=tiny_module(), precision=precision, gradient_clip_val=1e-3)
    assert norms
    assert max(norms) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("clips", [1.0, None])
def test_gradients_that_are_scaled_may_be_clipped_before_a_run_is_resumed_or_after(
    clips: float | None, tmp_path: Path
) -> None:
    """The optimizer is fused if they are not; torch would restore what it was before."""
    options: dict[str, Any] = {"scaled": True, "max_epochs": 1}
    fit(tmp_path / "a", module=tiny_module(), gradient_clip_val=clips, **options)
    resumed: dict[str, Any] = {"ckpt_path": tmp_path / "a/last.ckpt", "gradient_clip_val": None if clips else 1.0}
    trainer = fit(tmp_path / "b", module=tiny_module(), **{**options, "max_epochs": 2}, **resumed)
    assert trainer.global_step == 8
    assert [group["fused"] for group in trainer.optimizers[0].param_groups] == [clips is not None] * 2
