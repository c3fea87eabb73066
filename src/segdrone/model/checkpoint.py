"""Open a checkpoint: data only, nothing in it can run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from segdrone.errors import CheckpointError, SegdroneError
from segdrone.model.module import SegmentationModule

_KEYS = ("model", "classes", "data", "splits")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint that `train.py` wrote, on CPU, and makes sure that it is one.

    `torch.load(weights_only=True)` admits tensors and plain containers alone. Lightning's own
    `load_from_checkpoint` is not used: a hyper-parameter can name a function for it to import.

    Args:
        path: The checkpoint.

    Raises:
        CheckpointError: The file is missing, cut short, holds more than data, or is no checkpoint
            of segdrone.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(
            f"the checkpoint {path} does not exist: give the path of a .ckpt file, such as .../checkpoints/best.ckpt"
        )
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} is no checkpoint, or holds more than weights and plain data, which is not opened because it could "
            "run code: take one that segdrone wrote"
        ) from None
    except Exception as error:  # a broken archive or pickle can fail in any way
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path} is cut short or no checkpoint ({reason}): copy it again or take another"
        ) from None
    settings = checkpoint.get("hyper_parameters") if isinstance(checkpoint, dict) else None
    if not isinstance(settings, Mapping) or "state_dict" not in checkpoint or any(key not in settings for key in _KEYS):
        raise CheckpointError(f"{path} was not written by segdrone's train.py: it lacks the class table or the network")
    return checkpoint


def load_module(path: str | Path) -> SegmentationModule:
    """Returns the module of a checkpoint, with its weights, in evaluation mode on CPU.

    Raises:
        CheckpointError: As `read_checkpoint`, or the weights do not fit the network that it names.
    """
    checkpoint = read_checkpoint(path)
    try:
        module = SegmentationModule(**{key: checkpoint["hyper_parameters"][key] for key in _KEYS})
        module.load_state_dict(checkpoint["state_dict"])
    except (SegdroneError, RuntimeError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path} does not fit the network it names ({str(error).splitlines()[0]}): take another"
        ) from None
    return module.eval()


def check_resumable(path: str | Path, module: SegmentationModule) -> None:
    """Makes sure that training of `module` can go on from a checkpoint.

    Raises:
        CheckpointError: As `read_checkpoint`, or the checkpoint is of other classes or another network.
    """
    checkpoint = read_checkpoint(path)
    settings = checkpoint["hyper_parameters"]
    theirs, ours = settings["classes"]["names"], list(module.table.names)
    if theirs != ours:
        raise CheckpointError(
            f"{path} was trained on {len(theirs)} classes ({', '.join(theirs[:3])}, ...), the data has {len(ours)} "
            f"({', '.join(ours[:3])}, ...): give data.classes of the checkpoint, or start afresh without ckpt_path"
        )
    if settings["model"] != dict(module.hparams["model"]):
        raise CheckpointError(
            f"{path} is of the network {settings['model']}, not of {module.hparams['model']}: give the same model"
        )
