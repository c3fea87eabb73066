"""Check a sweep before Hydra writes anything, and note the folder of its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from segdrone.utils.console import exit_with_error


class CompareAtEnd(Callback):
    """Hydra callback that has the jobs of a sweep compared at its end.

    It only notes their folder. `segdrone.cli.hydra_main` compares the jobs, because Hydra does not call
    `on_multirun_end` if the sweep was interrupted.

    Attributes:
        folder: Folder of the current sweep; None without one.
    """

    folder: ClassVar[Path | None] = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Exits with one line of error if the comparison would be wrong; Hydra would only warn of an exception."""
        if config.direction not in ("maximize", "minimize"):
            exit_with_error(f"direction={config.direction} must be maximize or minimize")
        best = "minimize" if str(config.objective).endswith("/loss") else "maximize"
        if config.direction != best:
            exit_with_error(
                f"direction={config.direction} takes the worst {config.objective} for the best: give direction={best}"
            )
        overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
        for override in overrides:
            if override.key_or_group in ("objective", "direction") and override.is_sweep_override():
                exit_with_error(f"{override.input_line}: jobs are compared by one {override.key_or_group}: give one")
        sweeper_direction = config.hydra.sweeper.get("direction", config.direction)
        if isinstance(sweeper_direction, Enum):
            sweeper_direction = sweeper_direction.name
        if sweeper_direction != config.direction:
            exit_with_error(
                f"hydra.sweeper.direction={sweeper_direction}, but direction={config.direction}: give search=optuna, "
                "which sets both"
            )
        if "n_trials" in config.hydra.sweeper:
            _check_optuna(config.hydra, overrides)
        folder = Path(config.hydra.sweep.dir).absolute()
        if any(folder.glob("*/.hydra")):
            exit_with_error(f"{folder} contains the jobs of an earlier sweep: give another output_dir, or remove it")
        CompareAtEnd.folder = folder


def _check_optuna(hydra: DictConfig, overrides: Sequence[Override]) -> None:
    trials = hydra.sweeper.n_trials
    if type(trials) is not int or trials < 1:
        exit_with_error(f"hydra.sweeper.n_trials={trials} must be a whole number of 1 or more")
    configured = hydra.sweeper.get("params") or hydra.sweeper.get("custom_search_space")
    if not configured and not any(override.is_sweep_override() for override in overrides):
        exit_with_error(
            "search=optuna has nothing to search: give ranges, such as 'optimizer.lr=tag(log, interval(1e-4, 1e-2))' "
            "or loss=ce,ce_dice, or search=basics"
        )
