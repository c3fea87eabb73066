"""Check a sweep before Hydra writes anything, and note where its jobs write."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from segdrone.errors import exit_with_error


def _check_search(hydra: DictConfig) -> None:
    trials = hydra.sweeper.n_trials
    if type(trials) is not int or trials < 1:
        exit_with_error(f"hydra.sweeper.n_trials={trials} must be a whole number from 1 up")
    given = OverridesParser.create().parse_overrides(list(hydra.overrides.task))
    by_itself = hydra.sweeper.get("params") or hydra.sweeper.get("custom_search_space")
    if not by_itself and not any(override.is_sweep_override() for override in given):
        exit_with_error(
            "search=optuna has nothing to draw: give choices, such as 'optimizer.lr=tag(log, interval(1e-4, 1e-2))' "
            "or loss=ce,ce_dice, or search=basics"
        )


class CompareAtEnd(Callback):
    """Has the jobs of a sweep compared at its end.

    It only notes where they write. `segdrone.cli.hydra_main` compares them, since Hydra tells a callback of the
    end of a sweep only where nothing interrupted it.
    """

    folder: ClassVar[Path | None] = None  # of the sweep under way

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Leaves with one line where the comparison would mislead; Hydra would only warn of an exception."""
        if config.direction not in ("maximize", "minimize"):
            exit_with_error(f"direction={config.direction} must be maximize or minimize")
        sought = config.hydra.sweeper.get("direction", config.direction)
        if isinstance(sought, Enum):
            sought = sought.name
        if sought != config.direction:
            exit_with_error(
                f"hydra.sweeper.direction={sought}, but direction={config.direction}: give search=optuna, which agrees"
            )
        if "n_trials" in config.hydra.sweeper:
            _check_search(config.hydra)
        folder = Path(config.hydra.sweep.dir).absolute()
        if any(folder.glob("*/.hydra")):
            exit_with_error(f"{folder} holds the jobs of an earlier sweep: give another output_dir, or remove it")
        CompareAtEnd.folder = folder
