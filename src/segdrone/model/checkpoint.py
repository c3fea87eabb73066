"""Read a checkpoint as plain data, and open the finished model in it.

Nothing here imports Lightning: a finished model needs no trainer.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segdrone.errors import CheckpointError, SegdroneError
from segdrone.model.hparams import spec_from_hparams
from segdrone.model.networks import build_network
from segdrone.spec import ModelSpec

HPARAMS = ("model", "classes", "data", "splits")
"""Hyper-parameters that every checkpoint of segdrone holds."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint that `train.py` wrote, on CPU, and checks that it is one.

    `torch.load(weights_only=True)` accepts only tensors and plain containers. Lightning's own
    `load_from_checkpoint` is not used: it imports a function that a hyper-parameter names.

    Args:
        path: Path of the checkpoint.

    Raises:
        CheckpointError: The file is missing or truncated, holds more than data, or was not written by segdrone.
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
            f"{path} is not a checkpoint, or holds more than weights and plain data; it is not opened, because it "
            "could run code: give a checkpoint that segdrone wrote"
        ) from None
    except Exception as error:  # a broken archive or pickle can fail in any way
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path} is truncated or not a checkpoint ({reason}): copy it again or give another"
        ) from None
    hparams = checkpoint.get("hyper_parameters") if isinstance(checkpoint, dict) else None
    if not isinstance(hparams, Mapping) or "state_dict" not in checkpoint or any(key not in hparams for key in HPARAMS):
        raise CheckpointError(f"{path} was not written by segdrone's train.py: it lacks the class table or the network")
    return checkpoint


def load_network(path: str | Path) -> tuple[nn.Module, ModelSpec]:
    """Opens the finished model of a checkpoint: its network and what it expects, without loss, metrics or Lightning.

    Args:
        path: Path of the checkpoint.

    Returns:
        The network, in evaluation mode on CPU, and its spec.

    Raises:
        CheckpointError: As `read_checkpoint`, the weights do not fit the network that the checkpoint names, or the
            spec and the hyper-parameters of the checkpoint contradict each other.
    """
    checkpoint = read_checkpoint(path)
    spec = read_spec(checkpoint, path)
    weights = {
        name.removeprefix("network."): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith("network.")
    }
    with wrap_build_errors(path):
        network = build_network(**checkpoint["hyper_parameters"]["model"], classes=len(spec.classes))
        network.load_state_dict(weights)
    return network.eval(), spec


def read_spec(checkpoint: Mapping[str, Any], path: str | Path) -> ModelSpec:
    """Returns the spec of a checkpoint; for one of version 0.1.0, which has none, from its hyper-parameters.

    Args:
        checkpoint: Content of the checkpoint, from `read_checkpoint`.
        path: Its path, for the text of errors.

    Raises:
        CheckpointError: The spec cannot be read, or its class names, mean, std, bands or stretch are not those of
            the hyper-parameters.
    """
    hparams = checkpoint["hyper_parameters"]
    try:
        expected = spec_from_hparams(hparams["model"], hparams["classes"], hparams["data"])
        spec = ModelSpec.from_dict(checkpoint["spec"]) if "spec" in checkpoint else expected
    except (SegdroneError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} does not describe a model ({error}): give another checkpoint") from None
    for name, in_spec, in_hparams in (
        ("class names", spec.classes.names, expected.classes.names),
        ("mean", spec.mean, expected.mean),
        ("std", spec.std, expected.std),
        ("bands", spec.bands or (), expected.bands or ()),
        ("stretch", spec.stretch or (), expected.stretch or ()),
    ):
        if in_spec != in_hparams:
            raise CheckpointError(
                f"{path} contradicts itself: the {name} of its spec are {list(in_spec)}, those of its hyper-parameters "
                f"{list(in_hparams)}: give another checkpoint"
            )
    return spec


@contextmanager
def wrap_build_errors(path: str | Path) -> Iterator[None]:
    """Turns any failure to build a network from a checkpoint's settings and weights into a CheckpointError."""
    try:
        yield
    except (SegdroneError, RuntimeError, TypeError, KeyError, ValueError, AttributeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path} does not fit the network it names ({reason}): give another checkpoint") from None
