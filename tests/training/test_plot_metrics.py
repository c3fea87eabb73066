from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as L
import torch

from segdrone.training import PlotMetrics


def _epoch(curves: PlotMetrics, number: int, first: bool = True) -> None:
    names = [f"{split}/{name}" for split in ("train", "val") for name in ("loss", "miou", "accuracy")]
    logged = {name: torch.tensor(0.1) for name in names}
    trainer = SimpleNamespace(current_epoch=number, callback_metrics=logged, is_global_zero=first)
    curves.on_train_epoch_end(trainer, L.LightningModule())  # type: ignore[arg-type]


def test_every_epoch_is_plotted_and_a_resumed_run_continues(tmp_path: Path) -> None:
    first = PlotMetrics(str(tmp_path / "a"))
    _epoch(first, 0)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"loss.png", "miou.png", "accuracy.png"}
    resumed = PlotMetrics(str(tmp_path / "b"))
    resumed.load_state_dict(first.state_dict())
    _epoch(resumed, 1)
    assert [row["epoch"] for row in resumed.history] == [0, 1]
    assert len(first.history) == 1


def test_values_of_an_earlier_validation_are_not_repeated(tmp_path: Path) -> None:
    curves = PlotMetrics(str(tmp_path / "a"))
    for number in range(4):
        if number % 2:
            curves.on_validation_epoch_end(SimpleNamespace(), L.LightningModule())  # type: ignore[arg-type]
        _epoch(curves, number)
    assert [row["epoch"] for row in curves.history if "train/loss" in row] == [0, 1, 2, 3]
    assert [row["epoch"] for row in curves.history if "val/loss" in row] == [1, 3]


def test_only_the_first_process_plots(tmp_path: Path) -> None:
    curves = PlotMetrics(str(tmp_path / "a"))
    _epoch(curves, 0, first=False)
    assert len(curves.history) == 1
    assert not (tmp_path / "a").exists()


def test_plots_that_were_not_written_after_the_last_epoch_are_written_at_the_end(tmp_path: Path) -> None:
    """Also if the run is resumed with no epoch left."""
    curves, folder = PlotMetrics(str(tmp_path / "a")), tmp_path / "a"
    folder.write_text("in the place of the folder")
    _epoch(curves, 0)
    folder.unlink()
    trainer = SimpleNamespace(is_global_zero=True)
    curves.on_fit_end(trainer, L.LightningModule())  # type: ignore[arg-type]
    names = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert names.keys() == {"loss.png", "miou.png", "accuracy.png"}
    curves.on_fit_end(trainer, L.LightningModule())  # type: ignore[arg-type]
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == names
    resumed = PlotMetrics(str(tmp_path / "b"))
    resumed.load_state_dict(curves.state_dict())
    resumed.on_fit_end(trainer, L.LightningModule())  # type: ignore[arg-type]
    assert {path.name for path in (tmp_path / "b").iterdir()} == names.keys()
