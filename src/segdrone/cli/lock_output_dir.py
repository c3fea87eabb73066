"""Lock the output folder of a command before Hydra writes to it, and refuse a folder with results of another kind."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from segdrone.errors import SegdroneError
from segdrone.utils.atomic import remove_stale_partials
from segdrone.utils.config import save_config
from segdrone.utils.console import exit_with_error
from segdrone.utils.launch import is_rank_zero
from segdrone.utils.output_dir import exclusive_dir, run_dir

_EVALUATION, _SCORES, _LOGS = "evaluation.json", "metrics.json", "tensorboard"


class LockOutputDir(Callback):
    """Hydra callback that locks the folder of a run or of a sweep; `segdrone.cli.hydra_main` unlocks it at the end.

    Attributes:
        locks: The locks that this process holds.

    Args:
        command: `train` or `evaluate`.
    """

    locks: ClassVar[ExitStack] = ExitStack()

    def __init__(self, command: str) -> None:
        self._command = command

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Locks the folder, removes what killed runs left, and exits with one line if it holds other results."""
        if not is_rank_zero():
            return
        folder = Path(config.hydra.run.dir).absolute()
        _lock(folder)
        remove_stale_partials(folder, deep=True)
        if self._command == "train":
            _refuse_earlier_run(folder, config.ckpt_path)
            if not (folder / ".hydra").exists():  # that of an earlier run is replaced when this one trains
                save_config(config, folder)
        elif any(_checkpoints(folder)):
            exit_with_error(f"{folder} contains a training run, with a report of its own: give another output_dir")
        elif (folder / _LOGS).exists() and not (folder / _EVALUATION).is_file():  # they would be removed
            exit_with_error(f"{folder / _LOGS} was not written by an evaluation: give another output_dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Locks the folder of a sweep."""
        _lock(Path(config.hydra.sweep.dir).absolute())


def _lock(folder: Path) -> None:
    try:
        LockOutputDir.locks.enter_context(exclusive_dir(folder, "output_dir"))
    except SegdroneError as error:  # Hydra would turn it into a warning
        exit_with_error(str(error))


def _refuse_earlier_run(folder: Path, ckpt_path: str | None) -> None:
    """Exits with one line if the folder has results that the run does not resume from.

    A job that SLURM restarts is the same run; Lightning finds its own checkpoint there. A run that ended within its
    first epoch has nothing to resume, and may be started again.
    """
    checkpoints = _checkpoints(folder)
    if (folder / _EVALUATION).is_file() and not checkpoints:
        exit_with_error(f"{folder} contains an evaluation: give another output_dir")
    resumed = None if ckpt_path is None else run_dir(ckpt_path)
    if not checkpoints or resumed == folder.resolve() or "SLURM_RESTART_COUNT" in os.environ:
        return
    if _ended_in_first_epoch(folder, checkpoints):
        return
    last = folder / "checkpoints" / "last.ckpt"
    way = f"resume it with ckpt_path={last}" if last in checkpoints else f"remove it: it has no {last.name} to resume"
    exit_with_error(f"{folder} contains an earlier run: give another output_dir, or {way}")


def _ended_in_first_epoch(folder: Path, checkpoints: list[Path]) -> bool:
    """Whether a run was killed, or met a full disk, after its first validation and before its first last.ckpt.

    Its best.ckpt has no optimizer state, as a last.ckpt was to follow.
    """
    from segdrone.model import read_checkpoint  # imports torch, which most commands do not need here

    if (folder / _SCORES).exists():
        return False
    try:
        found = [read_checkpoint(path) for path in checkpoints]
    except SegdroneError:
        return False
    return all(one.get("epoch") == 0 and "optimizer_states" not in one for one in found)


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in (folder / "checkpoints").glob("*.ckpt") if not path.name.startswith(".")]
