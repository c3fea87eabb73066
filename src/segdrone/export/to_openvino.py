"""Export a network to OpenVINO."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import openvino as ov
from torch import nn

from segdrone.export.other_tools import model_api_info
from segdrone.export.to_onnx import to_onnx
from segdrone.runtime.description import KEY, Description
from segdrone.runtime.openvino_backend import openvino_core
from segdrone.runtime.openvino_file import WEIGHTS_KEY
from segdrone.utils.digest import file_digest

_UNKNOWN = "SHA-256 of the .bin file"


def to_openvino(network: nn.Module, description: Description, path: Path) -> None:
    """Writes a network as an OpenVINO model that takes the input of `description.signature`.

    Args:
        network: A network of `build_network`, in evaluation mode, on CPU. It is not changed.
        description: What the model says of itself.
        path: `.xml` file to write; the weights go to a `.bin` file beside it.

    Raises:
        CheckpointError: An operation of the network cannot be exported.
    """
    with TemporaryDirectory() as folder:
        onnx_file = Path(folder) / "model.onnx"
        to_onnx(network, replace(description, precision="fp32"), onnx_file)
        save_model(openvino_core().read_model(onnx_file), description, path)


def save_model(model: ov.Model, description: Description, path: Path) -> None:
    """Writes an OpenVINO model as `path`, an `.xml` file, with its weights in a `.bin` file."""
    model.set_rt_info(description.to_json(), [KEY])
    for name, value in model_api_info(description).items():
        model.set_rt_info(value, ["model_info", name])
    model.set_rt_info(_UNKNOWN, [WEIGHTS_KEY])
    ov.save_model(model, path, compress_to_fp16=description.precision in ("fp16", "bf16"))
    text = path.read_text(encoding="utf-8")  # the digest is only known now
    path.write_text(text.replace(_UNKNOWN, file_digest(path.with_suffix(".bin"))), encoding="utf-8")
