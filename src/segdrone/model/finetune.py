"""Start from the weights of a checkpoint, whose classes may be others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segdrone.errors import CheckpointError
from segdrone.model.checkpoint import read_checkpoint
from segdrone.model.module import SegmentationModule
from segdrone.model.networks import build_network

log = logging.getLogger(__name__)


def load_pretrained(module: SegmentationModule, path: str | Path) -> str:
    """Gives a module the weights of a checkpoint; the head's by the names of the classes.

    The last convolution has one row a class. A class that the checkpoint knows by the same name takes its row,
    whatever its id; others keep the row that they have.

    Args:
        module: A module of the same network.
        path: The checkpoint; of a run that averaged weights, the average is taken.

    Returns:
        A line that says which classes kept their rows, which are new, and which were dropped.

    Raises:
        CheckpointError: As `read_checkpoint`, or the checkpoint is of another network.
    """
    checkpoint = read_checkpoint(path)
    settings, given, ours = checkpoint["hyper_parameters"], checkpoint["state_dict"], module.state_dict()
    theirs, names = list(settings["classes"]["names"]), list(module.table.names)
    by_class = _by_class(module)
    wanted = {
        key: (len(theirs), *tensor.shape[1:]) if key in by_class else tuple(tensor.shape)
        for key, tensor in ours.items()
    }
    if wanted != {key: tuple(tensor.shape) for key, tensor in given.items()}:
        raise CheckpointError(
            f"init_from={path} is of the network {settings['model']}, whose weights do not fit "
            f"{dict(module.hparams['model'])}: give the same model"
        )
    _compare_normalisation(settings["data"], module.hparams["data"])
    _compare_splits(settings["splits"], module.hparams["splits"])
    rows = {name: row for row, name in enumerate(theirs)}
    for key, tensor in ours.items():
        if key in by_class:
            for row, name in enumerate(names):
                if name in rows:
                    tensor[row] = given[key][rows[name]]
        else:
            tensor.copy_(given[key])
    kept, new = [name for name in names if name in rows], [name for name in names if name not in rows]
    dropped = [name for name in theirs if name not in names]
    return (
        f"weights of {path}: {len(kept)} classes keep their rows of the head ({_list(kept)}), "
        f"{len(new)} are new ({_list(new)}), {len(dropped)} of the checkpoint's are dropped ({_list(dropped)})"
    )


def _by_class(module: SegmentationModule) -> set[str]:
    """Names of the tensors that have one row a class: those that a network of one class more has larger."""
    larger = build_network(**module.hparams["model"], classes=len(module.table) + 1).state_dict()
    ours = module.network.state_dict()
    return {f"network.{key}" for key, tensor in ours.items() if tensor.shape != larger[key].shape}


def _compare_normalisation(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    for key in ("mean", "std"):
        if theirs.get(key) != ours.get(key):
            log.warning(
                "the checkpoint's photographs were normalised by data.%s=%s, now it is %s: give the same if its "
                "weights are to see what they know", key, theirs.get(key), ours.get(key),
            )  # fmt: skip


def _compare_splits(theirs: Mapping[str, list[str]], ours: Mapping[str, list[str]]) -> None:
    if known := {*theirs.get("train", [])} & {*ours.get("val", []), *ours.get("test", [])}:
        log.warning(
            "%d photographs to validate and test on have names that the checkpoint was trained on: if they are the "
            "same, give it its own split (data.split_seed, data.split_dir), or scores will be too good", len(known),
        )  # fmt: skip


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
