from pathlib import Path

import pytest

from segdrone.evaluation.metrics_csv import read_history
from segdrone.training import train
from tests.helpers.small_run import Compose, fit_config

pytestmark = pytest.mark.usefixtures("undrawn")


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


def test_epochs_after_the_one_that_was_resumed_are_not_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "metrics.1.csv").write_text("epoch,val/miou\n0,0.1\n1,0.2\n2,0.3\n3,0.1\n")
    (tmp_path / "metrics.csv").write_text("epoch,lr,val/miou\n0,0.1,\n2,,0.4\n")
    assert [(row["epoch"], row["val/miou"]) for row in read_history(tmp_path)] == [(0, 0.1), (1, 0.2), (2, 0.4)]
