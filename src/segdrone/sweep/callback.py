"""What is looked at before the first job of a sweep."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from segdrone.errors import leave


class Comparison(Callback):
    """Has the jobs of a sweep compared at its end.

    It only notes where they write. `segdrone.door` compares them, since Hydra tells a callback of the
    end of a sweep only where nothing interrupted it.
    """

    folder: ClassVar[Path | None] = None  # of the sweep under way

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Leaves with one line where the comparison would mislead; Hydra would only warn of an exception."""
        if config.direction not in ("maximize", "minimize"):
            leave(f"direction={config.direction} must be maximize or minimize")
        sought = config.hydra.sweeper.get("direction", config.direction)
        if isinstance(sought, Enum):
            sought = sought.name
        if sought != config.direction:
            leave(
                f"hydra.sweeper.direction={sought}, but direction={config.direction}: give search=optuna, which agrees"
            )
        folder = Path(config.hydra.sweep.dir).absolute()
        if any(folder.glob("*/.hydra")):
            leave(f"{folder} holds the jobs of an earlier sweep: give another output_dir, or remove it")
        Comparison.folder = folder
