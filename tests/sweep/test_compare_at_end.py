"""Checks before a sweep starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from segdrone.sweep import CompareAtEnd


def config(
    folder: Path,
    direction: str = "maximize",
    overrides: tuple[str, ...] = (),
    objective: str = "val/miou",
    **sweeper: Any,
) -> DictConfig:
    hydra = {"sweeper": sweeper, "sweep": {"dir": str(folder)}, "overrides": {"task": list(overrides)}}
    return OmegaConf.create({"objective": objective, "direction": direction, "hydra": hydra})


@pytest.fixture(autouse=True)
def no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompareAtEnd, "folder", None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"direction": "minimize", "objective": "val/loss"},
        {"n_trials": 3, "overrides": ("optimizer.lr=interval(0.1,1)",)},
        {"n_trials": 3, "direction": "maximize", "params": {"optimizer.lr": "0.1,1"}},
    ],
)
def test_a_valid_sweep_is_noted(options: dict[str, Any], tmp_path: Path) -> None:
    CompareAtEnd().on_multirun_start(config(tmp_path / "sweep", **options))
    assert CompareAtEnd.folder == tmp_path / "sweep"


def test_a_sweeper_of_another_direction_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg = config(tmp_path)
    cfg.hydra.sweeper.direction = "minimize"
    with pytest.raises(SystemExit):
        CompareAtEnd().on_multirun_start(cfg)
    assert "hydra.sweeper.direction=minimize, but direction=maximize" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "up"}, "direction=up must be maximize or minimize"),
        ({"direction": "minimize"}, "takes the worst val/miou for the best: give direction=maximize"),
        ({"objective": "val/loss"}, "takes the worst val/loss for the best: give direction=minimize"),
        ({"n_trials": 0}, "n_trials=0 must be a whole number of 1 or more"),
        (
            {"overrides": ("objective=val/miou,val/dice",)},
            "objective=val/miou,val/dice: jobs are compared by one objective",
        ),
        ({"n_trials": 3, "overrides": ("seed=1",)}, "search=optuna has nothing to search"),
    ],
)
def test_a_sweep_that_cannot_be_compared_is_refused(
    options: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        CompareAtEnd().on_multirun_start(config(tmp_path, **options))
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err
    assert CompareAtEnd.folder is None


def test_the_folder_of_an_earlier_sweep_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    with pytest.raises(SystemExit):
        CompareAtEnd().on_multirun_start(config(tmp_path))
    assert f"{tmp_path} contains the jobs of an earlier sweep: give another output_dir" in capsys.readouterr().err
