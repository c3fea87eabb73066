"""Open a checkpoint: data only, nothing in it can run."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from segdrone.errors import CheckpointError, SegdroneError
from segdrone.model.module import SegmentationModule

log = logging.getLogger(__name__)

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
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: give the path of a .ckpt file, such as .../checkpoints/best.ckpt")
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
        CheckpointError: As `read_checkpoint`, or the checkpoint holds weights alone, or is of other classes, another
            network, split, normalisation, optimizer or schedule.
    """
    checkpoint = read_checkpoint(path)
    settings, afresh = checkpoint["hyper_parameters"], f"start from its weights with init_from={path}"
    theirs, ours = settings["classes"]["names"], list(module.table.names)
    if theirs != ours:
        raise CheckpointError(
            f"{path} was trained on {len(theirs)} classes ({', '.join(theirs[:3])}, ...), the data has {len(ours)} "
            f"({', '.join(ours[:3])}, ...): give data.classes of the checkpoint, or {afresh}"
        )
    if settings["model"] != dict(module.hparams["model"]):
        raise CheckpointError(
            f"{path} is of the network {settings['model']}, not of {module.hparams['model']}: give the same model"
        )
    before, now = _split_of_each(settings["splits"]), _split_of_each(module.hparams["splits"])
    if moved := sum(before.get(photograph) != now.get(photograph) for photograph in before | now):
        raise CheckpointError(
            f"{path} was trained with another split, in which {moved} photographs have another place or none: give "
            f"the same photographs, split_dir, split_seed and shares, or {afresh}"
        )
    for key in ("mean", "std"):
        if settings["data"].get(key) != module.hparams["data"].get(key):
            raise CheckpointError(f"{path} was trained with data.{key}={settings['data'].get(key)}: give the same")
    _check_optimisation(checkpoint, module, path, afresh)
    log.info("going on from %s, after %d epochs", path, checkpoint["epoch"] + 1)


def _split_of_each(splits: Mapping[str, list[str]]) -> dict[str, str]:
    return {photograph: split for split, photographs in splits.items() for photograph in photographs}


def _check_optimisation(checkpoint: Mapping[str, Any], module: SegmentationModule, path: str | Path, or_: str) -> None:
    if not checkpoint.get("optimizer_states") or not checkpoint.get("lr_schedulers"):
        raise CheckpointError(f"{path} holds weights alone, from which training cannot go on: {or_}")
    ours = {"optimizer": module.optimizer_options, "scheduler": module.scheduler_options}
    theirs = checkpoint.get("optimisation", ours)
    for part in ours:
        if theirs[part]["name"] != ours[part]["name"]:
            raise CheckpointError(f"{path} was trained with {part}={theirs[part]['name']}: give the same, or {or_}")
    for key, value in ours["optimizer"].items():
        if theirs["optimizer"].get(key) != value:
            log.warning("resumed: optimizer.%s stays %s, not %s", key, theirs["optimizer"].get(key), value)
