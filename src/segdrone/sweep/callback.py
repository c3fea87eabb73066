"""What is looked at before a run, or before the first job of a sweep: Hydra has written nothing then."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from segdrone.errors import leave
from segdrone.rank import is_first


def _check_search(hydra: DictConfig) -> None:
    trials = hydra.sweeper.n_trials
    if type(trials) is not int or trials < 1:
        leave(f"hydra.sweeper.n_trials={trials} must be a whole number from 1 up")
    given = OverridesParser.create().parse_overrides(list(hydra.overrides.task))
    by_itself = hydra.sweeper.get("params") or hydra.sweeper.get("custom_search_space")
    if not by_itself and not any(override.is_sweep_override() for override in given):
        leave(
            "search=optuna has nothing to draw: give choices, such as 'optimizer.lr=tag(log, interval(1e-4, 1e-2))' "
            "or loss=ce,ce_dice, or search=basics"
        )


class EarlierRun(Callback):
    """Refuses to replace a run by another one."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Leaves with one line where the folder holds checkpoints that this run does not go on from.

        What SLURM starts again is the same run, and Lightning finds its own checkpoint there.
        """
        if not is_first() or "SLURM_RESTART_COUNT" in os.environ:
            return
        folder = Path(config.hydra.run.dir).absolute()
        resumed = None if config.ckpt_path is None else Path(config.ckpt_path).resolve().parent.parent
        if any((folder / "checkpoints").glob("*.ckpt")) and resumed != folder.resolve():
            leave(
                f"{folder} holds an earlier run: give another output_dir, or go on with it by "
                f"ckpt_path={folder}/checkpoints/last.ckpt"
            )


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
        if "n_trials" in config.hydra.sweeper:
            _check_search(config.hydra)
        folder = Path(config.hydra.sweep.dir).absolute()
        if any(folder.glob("*/.hydra")):
            leave(f"{folder} holds the jobs of an earlier sweep: give another output_dir, or remove it")
        Comparison.folder = folder
