from pathlib import Path

import pytest

from segdrone.evaluation.metrics_csv import read_history
from segdrone.training import train
from tests.helpers.small_run import Compose, fit_config


def test_a_resumed_run_has_the_history_of_both_runs(drawn_config: Compose, tmp_path: Path) -> None:
    run = tmp_path / "run"
    few = ["trainer.limit_train_batches=1", "logger.tensorboard=null", "callbacks.pictures=null"]
    fit_config(drawn_config(*few, "trainer.max_epochs=2"))
    _, made = train(drawn_config(*few, "trainer.max_epochs=3", f"ckpt_path={run}/checkpoints/last.ckpt"))
    history = read_history(run)
    assert [row["epoch"] for row in history] == [0, 1, 2]
    for row in history:
        assert {"train/loss", "val/loss", "train/miou", "val/miou", "val/accuracy"} < row.keys()
    drawn = next(callback for callback in made["callbacks"] if hasattr(callback, "history")).history
    for row, values in zip(history, drawn, strict=True):
        assert row["val/miou"] == pytest.approx(values["val/miou"], abs=1e-6)
        assert row["train/loss"] == pytest.approx(values["train/loss"], abs=1e-6)


def test_a_folder_without_a_run_has_no_history(tmp_path: Path) -> None:
    assert read_history(tmp_path) == []
