"""Initialize a module from a checkpoint, which may have other classes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from segdrone.errors import CheckpointError
from segdrone.model.checkpoint import read_checkpoint, read_spec
from segdrone.model.ensemble import ENSEMBLE
from segdrone.model.module import SegmentationModule
from segdrone.model.networks import build_network
from segdrone.model.origin import trained_among

log = logging.getLogger(__name__)

_HEAD = "network.segmentation_head."
_INSTANCES = f"{_HEAD}instances."


def load_pretrained(module: SegmentationModule, path: str | Path) -> str:
    """Loads the weights of a checkpoint into a module; those of the head by the names of the classes.

    The last convolution has one row of weights per class. A class whose name the checkpoint knows gets its row,
    even under another id; other classes keep their initial row.

    Args:
        module: A module with the same network.
        path: Path of the checkpoint. If its run averaged weights, these are the averages.

    Returns:
        A line that says which classes were loaded, which are new, and which of the checkpoint were dropped.

    Raises:
        CheckpointError: As `read_checkpoint`, or the checkpoint has another network.
    """
    checkpoint = read_checkpoint(path)
    settings, state = checkpoint["hyper_parameters"], module.state_dict()
    if settings["model"]["name"] == ENSEMBLE:
        raise CheckpointError(f"init_from={path} is an ensemble: give the checkpoint of one of its networks")
    pretrained = _fit_instance_head(checkpoint["state_dict"], state)
    pretrained_names, names = read_spec(checkpoint, path).classes.names, list(module.table.names)
    per_class = _tensors_per_class(module)
    expected = {
        key: (len(pretrained_names), *tensor.shape[1:]) if key in per_class else tuple(tensor.shape)
        for key, tensor in state.items()
    }
    kinds = {key: tensor.is_floating_point() for key, tensor in state.items()}
    if expected != {key: tuple(tensor.shape) for key, tensor in pretrained.items()} or kinds != {
        key: tensor.is_floating_point() for key, tensor in pretrained.items()
    }:
        raise CheckpointError(
            f"init_from={path} has the network {settings['model']}, whose weights do not fit "
            f"{dict(module.hparams['model'])}: give {_other_options(settings['model'], module.hparams['model'])}"
        )
    _compare_pixels(settings["data"], module.hparams["data"])
    compare_splits("the checkpoint", settings, module.hparams["splits"])
    rows = {name: row for row, name in enumerate(pretrained_names)}
    for key, tensor in state.items():
        if key in per_class:
            for row, name in enumerate(names):
                if name in rows:
                    tensor[row] = pretrained[key][rows[name]]
        else:
            tensor.copy_(pretrained[key])
    kept, new = [name for name in names if name in rows], [name for name in names if name not in rows]
    dropped = [name for name in pretrained_names if name not in names]
    return (
        f"weights of {path}: {len(kept)} classes keep their rows of the head ({_list(kept)}), "
        f"{len(new)} are new ({_list(new)}), {len(dropped)} of the checkpoint's are dropped ({_list(dropped)})"
    )


def _other_options(theirs: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Returns the options that make a network that of a checkpoint, such as `model.encoder_name=resnet18`."""
    if theirs["name"] != own["name"]:
        return "the same model"
    wanted = {**dict.fromkeys({"context"} & own.keys()), **theirs}
    texts = {
        f"model.{key}": "null" if value is None else str(value).replace(" ", "")
        for key, value in wanted.items()
        if own.get(key) != value
    }
    return " ".join(f"{key}={text}" for key, text in texts.items()) or "the same model"


def _fit_instance_head(pretrained: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of a checkpoint under their names in a network, of which one may have an instance head.

    A network with one keeps its initial tensors of `state` there; of a checkpoint with one these are left out.
    """
    theirs, own = (any(key.startswith(_INSTANCES) for key in tensors) for tensors in (pretrained, state))
    if theirs == own:
        return dict(pretrained)
    before, after = (_HEAD, f"{_HEAD}semantic.") if own else (f"{_HEAD}semantic.", _HEAD)
    moved = {
        after + key.removeprefix(before) if key.startswith(before) else key: tensor
        for key, tensor in pretrained.items()
        if not key.startswith(_INSTANCES)
    }
    return {**{key: tensor for key, tensor in state.items() if key.startswith(_INSTANCES)}, **moved}


def _tensors_per_class(module: SegmentationModule) -> set[str]:
    """Returns the names of the tensors with one row per class: those that are larger with one class more."""
    larger = build_network(**module.hparams["model"], classes=len(module.table) + 1).state_dict()
    state = module.network.state_dict()
    return {f"network.{key}" for key, tensor in state.items() if tensor.shape != larger[key].shape}


def _compare_pixels(pretrained: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Warns if the network learned from other bands, or from pixels that were normalized otherwise."""
    for key in ("mean", "std", "bands"):
        if pretrained.get(key) != current.get(key):
            log.warning(
                "the checkpoint was trained with data.%s=%s, now it is %s: its weights expect the same value",
                key, pretrained.get(key), current.get(key),
            )  # fmt: skip


def compare_splits(whose: str, pretrained: Mapping[str, Any], current: Mapping[str, list[str]]) -> None:
    """Warns if a model was trained, now or earlier, on photographs that another is now scored on.

    Args:
        whose: What the model is to this training, for the warning.
        pretrained: Hyper-parameters of the model.
        current: Names of photographs by split, of this training.
    """
    scored = {*current.get("val", []), *current.get("test", [])}
    if leaked := trained_among(pretrained, {*current.get("train", []), *scored}) & scored:
        log.warning(
            "%d photographs for validation and test have names that %s was trained on: if they are the same "
            "photographs, give its split (data.split_seed, data.split_dir), or scores will be too high",
            len(leaked), whose,
        )  # fmt: skip


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
