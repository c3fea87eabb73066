"""Describe an exported model inside its own file: the spec, and the form of its input and output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, InstanceOf

from segdrone.errors import CheckpointError
from segdrone.spec import ModelSpec
from segdrone.utils.bounded import UnreadableError, parse_json, read_json, to_plain, validate
from segdrone.windows import Size

KEY = "segdrone"
"""Name of the description in ONNX `metadata_props` and in OpenVINO `rt_info`."""

VERSION = 1
"""Version of the JSON form. Another one is refused, since it may change what the pixels mean."""

Precision = Literal["fp32", "fp16", "bf16", "int8"]
_MAX_SIDE = 16384  # pixels
_FilesText = InstanceOf[str]  # names of files can have bytes that are no text, which pydantic's `str` refuses


@dataclass(frozen=True)
class Signature:
    """What the graph of a model file takes and returns.

    Args:
        input: `pixels`: uint8 `[N, H, W, 3]`, RGB. `unit`: float32 `[N, 3, H, W]`, RGB, 0 to 1. `normalized`: the same,
            less the spec's mean, divided by its std.
        output: `probabilities` or `logits`, float32 `[N, C, H, W]`.
        stride: Stride of the network's coarsest feature map, rows and columns in pixels.
        window: Height and width that the graph takes; None if it takes any.
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    input: Literal["pixels", "unit", "normalized"] = "pixels"
    output: Literal["probabilities", "logits"] = "probabilities"
    stride: Size = (1, 1)
    window: Size | None = None

    def __post_init__(self) -> None:
        for name, size in {"stride": self.stride, "window": self.window or (1, 1)}.items():
            if not all(1 <= side <= _MAX_SIDE for side in size):
                raise CheckpointError(f"{name}={size} must be a height and a width of 1 to {_MAX_SIDE} pixels")


def why_windows_fail(shown: str, reason: str, *, any_size: bool) -> str:
    """Returns that a graph fails on windows, and what to do.

    Args:
        shown: Number, height and width of the windows.
        reason: What the runtime says.
        any_size: Whether a spec of the user says that it takes windows of any size.
    """
    remedy = "say a size that it takes as window in the spec (docs/export.md), or " if any_size else ""
    return f"the model cannot predict {shown} pixels ({reason}): {remedy}give another model or size"


class _TrainedOn(BaseModel):
    root: _FilesText | None
    photographs: list[_FilesText]


class _Origin(BaseModel):
    trained_on: list[_TrainedOn]


class _Training(BaseModel):
    """The schema of what is read of `Description.training`."""

    data: dict[str, Any] = {}
    splits: dict[str, list[_FilesText]] = {}
    split_by: _FilesText = ""
    origin: _Origin | None = None


@dataclass(frozen=True)
class Description:
    """What an exported file says of itself.

    Args:
        spec: What the model expects and predicts.
        signature: Form of the graph's input and output.
        precision: Numbers that it was made to compute with: `fp32`, `fp16`, `bf16` or `int8`.
        checkpoint: SHA-256 of the checkpoint that was exported; empty if unknown.
        training: Hyper-parameters `data`, `splits`, `split_by` and `origin` of the checkpoint, without paths, so that
            an evaluation knows the photographs that were trained on; None if unknown.

    Example:
        >>> from segdrone.classes import DRONE
        >>> spec = ModelSpec(DRONE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), training_size=(256, 384))
        >>> described = Description(spec, Signature(stride=(32, 32)))
        >>> Description.from_json(described.to_json()) == described
        True
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    spec: ModelSpec
    signature: Signature
    precision: Precision = "fp32"
    checkpoint: str = ""
    training: Mapping[str, Any] | None = None

    def to_json(self) -> str:
        """Returns the description as JSON text."""
        signature = {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self.signature).items()
        }
        values = {**vars(self), "spec": self.spec.to_dict(), "signature": signature}
        return json.dumps({"version": VERSION, **values}, allow_nan=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the description, for predictions with a model file that does not hold it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Description:
        """Builds the description that `to_json` wrote.

        Raises:
            CheckpointError: The text is no such JSON, or of another version.
        """
        try:
            return cls._from_plain(parse_json(text))
        except UnreadableError as error:
            raise CheckpointError(f"its description cannot be read ({error}): export the model again") from None

    @classmethod
    def of_model(cls, path: Path, text: str | None, given: Description | None) -> Description:
        """Returns the description that the model file `path` holds as text, or the one given for a file without one.

        Raises:
            CheckpointError: There is none, there are two, or it cannot be read.
        """
        if given is not None and text is not None:
            raise CheckpointError(f"{path} describes itself: leave out the spec")
        if given is not None:
            return given
        if text is None:
            raise CheckpointError(
                f"{path} was not written by segdrone export: it lacks classes, normalization and training size; "
                "describe it in a JSON file, for segdrone predict --spec FILE.json or segdrone evaluate spec=FILE.json "
                "(docs/export.md)"
            )
        try:
            return cls.from_json(text)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from None

    @classmethod
    def from_file(cls, path: str | Path) -> Description:
        """Reads the JSON file that describes a model file of another program: `spec`, `signature` and `precision`.

        Raises:
            CheckpointError: The file is missing, or no such JSON.
        """
        try:
            return cls._from_plain({"version": VERSION, **read_json(Path(path))})
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from None
        except (UnreadableError, TypeError) as error:
            raise CheckpointError(f"{path} does not describe a model ({error}): see docs/export.md") from None

    @classmethod
    def _from_plain(cls, content: Any) -> Description:
        values = validate(dict[str, Any], to_plain(content))
        version = values.pop("version", None)
        if version != VERSION:
            shown = version if isinstance(version, int) else "no number"
            raise CheckpointError(
                f"its description has version {shown}, this segdrone reads {VERSION}: update segdrone"
            )
        if not isinstance(values.get("spec"), dict):
            raise UnreadableError("it has no spec")
        if values.get("training") is not None:
            validate(_Training, values["training"])
        return validate(cls, {**values, "spec": ModelSpec.from_dict(values["spec"])})
