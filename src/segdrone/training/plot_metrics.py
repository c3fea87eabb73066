"""Plot loss, mIoU and accuracy by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as L

from segdrone import figures
from segdrone.utils.best_effort import BestEffort


class PlotMetrics(L.Callback):
    """Plots `loss.png`, `miou.png` and `accuracy.png` after every epoch, for train and, if validated, val.

    The history is stored in the checkpoint, so a resumed run plots the whole curve, also if no epoch was left; what
    could not be written after the last epoch is plotted again at the end.

    Args:
        folder: Folder for the plots.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._best_effort = BestEffort("figures/")
        self.history: list[dict[str, float]] = []
        self._plotted = 0  # epochs of the history that the plots show
        self._splits = ["train"]  # with values of this epoch; values of earlier validations stay logged

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Notes that this epoch is validated."""
        self._splits = ["train", "val"]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Adds the values of the epoch to the history, and plots it."""
        keys = [f"{split}/{name}" for split in self._splits for name in figures.TRAINING_CURVES]
        self._splits = ["train"]
        logged = trainer.callback_metrics
        epoch = {"epoch": float(trainer.current_epoch)}
        self.history.append({**epoch, **{key: float(logged[key]) for key in keys if key in logged}})
        self._plot(trainer)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Plots the history if the plots do not show it."""
        if self._plotted < len(self.history):
            self._plot(trainer)

    def _plot(self, trainer: L.Trainer) -> None:
        if not trainer.is_global_zero:
            return
        with self._best_effort():
            for name in figures.TRAINING_CURVES:
                figures.save(figures.plot_training_curve(self.history, name), self.folder / f"{name}.png")
            self._plotted = len(self.history)

    @property
    def state_key(self) -> str:
        """Key of the state in a checkpoint: the name of the class in 0.1.0."""
        return "Curves"

    def state_dict(self) -> dict[str, Any]:
        """Returns the history."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the history of the run that is resumed."""
        self.history = list(state_dict["history"])
