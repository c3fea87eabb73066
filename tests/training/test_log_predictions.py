from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segdrone import figures
from segdrone.model import SegmentationModule
from segdrone.training import LogPredictions
from tests.helpers.small_run import Compose, fit_config
from tests.helpers.training import MODEL, THREE, batches, fit


class Rows(L.Callback):
    """What is about to be drawn, and what was predicted."""

    def __init__(self, pictures: LogPredictions) -> None:
        self.pictures = pictures
        self.drawn: list[figures.ImageTruthPrediction] = []
        self.predicted: list[torch.Tensor] = []

    def on_validation_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        self.predicted += [*args[0]["prediction"]]

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.drawn += self.pictures._samples


def test_first_photographs_are_logged_denormalized_with_truth_and_prediction(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = {"mean": [0.5, 0.5, 0.25], "std": [0.25, 0.5, 0.25]}
    pictures = LogPredictions(every_n_epochs=1, photographs=3)
    rows = Rows(pictures)
    fit(tmp_path, rows, pictures, module=SegmentationModule(MODEL, THREE.to_dict(), data, {}), max_epochs=1)
    masks = [mask for batch in batches(2) for mask in batch["mask"].numpy()]
    assert [row.title for row in rows.drawn] == ["a", "b", "a"]
    for row, mask, predicted in zip(rows.drawn, masks, rows.predicted, strict=False):
        values = np.array([[64, 128, 191], [0, 128, 255], [0, 64, 128]])  # of a channel, for each class
        np.testing.assert_array_equal(row.image, np.stack([channel[mask] for channel in values], axis=-1))
        np.testing.assert_array_equal(row.truth, mask)
        np.testing.assert_array_equal(row.prediction, predicted.numpy())
        assert not np.array_equal(row.truth, row.prediction)


def test_pictures_are_logged_at_the_first_epoch_at_intervals_and_at_the_last(
    drawn_config: Compose, tmp_path: Path
) -> None:
    few = ["trainer.max_epochs=5", "trainer.limit_train_batches=1", "trainer.limit_val_batches=1"]
    fit_config(drawn_config(*few, "callbacks.pictures.every_n_epochs=3", f"output_dir={tmp_path}"))
    board = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0}).Reload()
    for tag in ("val/photographs", "val/confusion"):
        assert [image.step for image in board.Images(tag)] == [0, 3, 4]
