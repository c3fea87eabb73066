"""The three plots of a run: loss, mIoU and accuracy by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as L

from segdrone import figures


class PlotMetrics(L.Callback):
    """Draws `loss.png`, `miou.png` and `accuracy.png`, train and, where it was validated, val, after every epoch.

    The values so far travel in the checkpoint, so that a resumed run draws the whole curve.

    Args:
        folder: Where the pictures go.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.history: list[dict[str, float]] = []
        self._splits = ["train"]  # of which this epoch has values; those of an earlier validation stay logged

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Knows that the epoch was validated."""
        self._splits = ["train", "val"]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keeps the epoch's values and draws."""
        keys, self._splits = (
            [f"{split}/{name}" for split in self._splits for name in figures.TRAINING_CURVES],
            ["train"],
        )
        logged = trainer.callback_metrics
        epoch = {"epoch": float(trainer.current_epoch)}
        self.history.append({**epoch, **{key: float(logged[key]) for key in keys if key in logged}})
        if not trainer.is_global_zero:
            return
        for name in figures.TRAINING_CURVES:
            figures.save(figures.plot_training_curve(self.history, name), self.folder / f"{name}.png")

    def state_dict(self) -> dict[str, Any]:
        """Returns the values so far."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the values of the run that is resumed."""
        self.history = list(state_dict["history"])
