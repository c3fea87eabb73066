"""Write checkpoints atomically, the best one without what only a resumed run needs; find them again in a moved run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from segdrone.errors import CheckpointError
from segdrone.model.checkpoint import read_checkpoint
from segdrone.model.distributed import how_to_resume
from segdrone.model.weights_file import save_plain
from segdrone.utils.bounded import UnreadableError, wrap_parse_errors

# Of Lightning and its WeightAveraging: what only a resumed run needs, two thirds of a checkpoint and more.
_ONLY_TO_RESUME = ("optimizer_states", "lr_schedulers", "current_model_state", "averaging_state")

_KEPT_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")  # in the state of a ModelCheckpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to a temporary file in the same folder, flushes it to disk, and renames it.

    If the run is killed or the disk is full, the previous checkpoint stays unchanged. Lightning's own implementation
    writes to the system's temporary folder, often on another disk, from which the file is copied; a copy can be cut
    short.

    The checkpoint that a metric chose has no optimizer state, if another callback keeps the last one to resume from.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Saves a checkpoint.

        Raises:
            CheckpointError: The file could not be written; no partial file is left.
        """
        if _is_chosen(checkpoint, path):
            checkpoint = {key: value for key, value in checkpoint.items() if key not in _ONLY_TO_RESUME}
        try:
            save_plain(checkpoint, Path(path))
        except OSError as error:
            raise CheckpointError(
                f"{path} could not be written ({error.strerror or error}; it takes {_megabytes(checkpoint)} MB): free "
                f"some disk space and {how_to_resume(Path(path).with_name('last.ckpt'))}"
            ) from error

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Loads a checkpoint. If its run was moved, the paths in it are those of the folder it is in now.

        Lightning forgets the best score of a run whose folder has another path, and then replaces the best checkpoint
        by that of the next epoch, however bad.

        Raises:
            CheckpointError: As `read_checkpoint`, or the paths in it are none.
        """
        checkpoint = read_checkpoint(path)
        try:
            with wrap_parse_errors():
                for state in _kept_checkpoints(checkpoint):
                    _check_inside(state)
                    _relocate(state, os.path.realpath(Path(path).parent))
        except UnreadableError as error:
            raise CheckpointError(f"{path} cannot be resumed ({error}): start from its weights by init_from") from None
        return checkpoint


def _megabytes(value: Any) -> int:
    """Returns the size of all tensors in a checkpoint, rounded up."""
    return -(-sum(tensor.nbytes for tensor in _tensors(value)) // 1_000_000)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(part)


def _kept_checkpoints(checkpoint: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the states of the ModelCheckpoint callbacks."""
    for state in checkpoint.get("callbacks", {}).values():
        if isinstance(state, dict) and "best_model_path" in state and "dirpath" in state:
            yield state


def _is_chosen(checkpoint: Mapping[str, Any], path: str | Path) -> bool:
    """Whether a metric chose a checkpoint, and another callback keeps the last one."""
    states = list(_kept_checkpoints(checkpoint))
    keeps_last = any(state.get("monitor") is None for state in states)
    chosen = [state["best_model_path"] for state in states if state.get("monitor") is not None]
    return keeps_last and str(path) in chosen


def _check_inside(state: Mapping[str, Any]) -> None:
    """Checks that the files that a ModelCheckpoint keeps are in its own folder: it removes the one before a better one.

    Raises:
        UnreadableError: One is outside.
    """
    folder = os.path.abspath(state["dirpath"] or "")
    paths = [state.get(key) for key in _KEPT_PATHS]
    for path in [*paths, *state.get("best_k_models", {})]:
        if path and (os.path.normpath(path) != path or not Path(path).absolute().is_relative_to(folder)):
            raise UnreadableError(f"it keeps {path}, which is outside of {folder}")


def _relocate(state: dict[str, Any], folder: str) -> None:
    """Replaces the folder in the state of a ModelCheckpoint, if the checkpoint that it chose is in the new one."""
    old = state["dirpath"]

    def moved(path: str) -> str:
        return os.path.join(folder, os.path.relpath(path, old)) if path else path

    if old == folder or not old or not os.path.isfile(moved(state["best_model_path"])):
        return
    for key in _KEPT_PATHS:
        state[key] = moved(state.get(key, ""))
    state["best_k_models"] = {moved(path): score for path, score in state.get("best_k_models", {}).items()}
    state["dirpath"] = folder
