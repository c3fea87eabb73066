"""Read a checkpoint as plain data, and open the finished model in it.

Nothing here imports Lightning: a finished model needs no trainer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, InstanceOf
from torch import Tensor, nn

from segdrone.errors import CheckpointError, SegdroneError
from segdrone.included import find_model
from segdrone.model.hparams import spec_from_hparams
from segdrone.model.networks import build_network
from segdrone.model.weights_file import limit_weights, load_plain
from segdrone.spec import ModelSpec
from segdrone.utils.bounded import UnreadableError, to_plain, validate

_FilesText = InstanceOf[str]  # names of files can have bytes that are no text, which pydantic's `str` refuses


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    encoder_name: str


class _Data(BaseModel):
    model_config = ConfigDict(extra="allow")
    root: _FilesText | None = None
    classes: dict[str, Any] | _FilesText | None = None


class _TrainedOn(BaseModel):
    root: _FilesText | None
    photographs: list[_FilesText]


class _Origin(BaseModel):
    checkpoint: _FilesText | None
    sha256: str | None
    trained_on: list[_TrainedOn]


class _Hparams(BaseModel):
    model: _Model
    classes: dict[str, Any]
    data: _Data
    splits: dict[str, list[_FilesText]]
    split_by: _FilesText = ""  # missing in older checkpoints
    origin: _Origin | None = None  # likewise


class _Checkpoint(BaseModel):
    """The schema of a checkpoint; what only a resumed run needs is checked by `check_resumable`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    hyper_parameters: _Hparams
    state_dict: dict[str, Tensor]
    spec: dict[str, Any] = {}


HPARAMS = ("model", "classes", "data", "splits")
"""Hyper-parameters that every checkpoint of segdrone holds."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint that `train.py` wrote, on CPU, and checks that it is one.

    Lightning's own `load_from_checkpoint` is not used: it imports a function that a hyper-parameter names.

    Args:
        path: Path of the checkpoint, or the name of an included model.

    Returns:
        Plain data and tensors. The settings of the network, the classes and the data have the types of the schema.

    Raises:
        CheckpointError: The file is missing or truncated, holds more than data, or was not written by segdrone.
    """
    path = find_model(path)
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: give the path of a .ckpt file, such as .../checkpoints/best.ckpt")
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise CheckpointError(
            f"the checkpoint {path} {what}: give the path of a .ckpt file, such as .../checkpoints/best.ckpt"
        )
    try:
        checkpoint = load_plain(path)
    except UnreadableError as error:
        raise CheckpointError(
            f"{path} is truncated or not a checkpoint ({error}): copy it again or give another"
        ) from None
    hparams = checkpoint.get("hyper_parameters") if isinstance(checkpoint, dict) else None
    if not isinstance(hparams, dict) or "state_dict" not in checkpoint or any(key not in hparams for key in HPARAMS):
        raise CheckpointError(f"{path} was not written by segdrone's train.py: it lacks the class table or the network")
    try:
        validate(_Checkpoint, checkpoint)
        to_plain({key: checkpoint.get(key) for key in ("hyper_parameters", "spec")})
    except UnreadableError as error:
        raise CheckpointError(f"{path} does not describe a model ({error}): give another checkpoint") from None
    return dict(checkpoint)


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
    network, spec, _ = load_model(path)
    return network, spec


def load_model(path: str | Path) -> tuple[nn.Module, ModelSpec, dict[str, Any]]:
    """Opens a checkpoint as `load_network` does, and returns its hyper-parameters too."""
    checkpoint = read_checkpoint(path)
    spec = read_spec(checkpoint, path)
    weights = {
        name.removeprefix("network."): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith("network.")
    }
    with wrap_build_errors(path):
        with limit_weights(weights.values()):
            settings, normalization = checkpoint["hyper_parameters"]["model"], (spec.mean, spec.std)
            network = build_network(**settings, classes=len(spec.classes), normalization=normalization).eval()
        load_weights(network, weights)
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise CheckpointError(f"{path} holds weights that are not numbers, as its training diverged: give another")
    return network, spec, checkpoint["hyper_parameters"]


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copies weights into a module that has exactly these, of the same shapes and kinds.

    Raises:
        ValueError: Names, shapes or kinds differ.
    """
    kinds = {key: tensor.is_floating_point() for key, tensor in module.state_dict().items()}
    other = [key for key, tensor in weights.items() if key in kinds and tensor.is_floating_point() != kinds[key]]
    if other:
        raise ValueError(f"{other[0]} has the type {weights[other[0]].dtype}")
    module.load_state_dict(dict(weights))


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
    except SegdroneError as error:
        raise CheckpointError(f"{path} does not describe a model ({error}): give another checkpoint") from None
    for name, in_spec, in_hparams in (
        ("class names", spec.classes.names, expected.classes.names),
        ("mean", spec.mean, expected.mean),
        ("std", spec.std, expected.std),
        ("bands", spec.bands or (), expected.bands or ()),
        ("stretch", spec.stretch or (), expected.stretch or ()),
        ("instance head", [spec.instances], [expected.instances]),
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
    except Exception as error:  # options of somebody's network can fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise CheckpointError(f"{path} does not fit the network it names ({reason}): give another checkpoint") from None
