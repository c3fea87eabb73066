"""Refuse to overwrite an earlier run, before Hydra writes anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from segdrone.errors import exit_with_error
from segdrone.utils.launch import is_rank_zero


class RefuseOverwrite(Callback):
    """Hydra callback that ends a run whose folder has the checkpoints of another run."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Exits with one line if the folder has checkpoints that this run does not resume from.

        A job that SLURM restarts is the same run; Lightning finds its own checkpoint there.
        """
        if not is_rank_zero() or "SLURM_RESTART_COUNT" in os.environ:
            return
        folder = Path(config.hydra.run.dir).absolute()
        resumed = None if config.ckpt_path is None else Path(config.ckpt_path).resolve().parent.parent
        if any((folder / "checkpoints").glob("*.ckpt")) and resumed != folder.resolve():
            exit_with_error(
                f"{folder} contains an earlier run: give another output_dir, or resume it with "
                f"ckpt_path={folder}/checkpoints/last.ckpt"
            )
