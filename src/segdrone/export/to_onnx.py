"""Export a network to ONNX."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from segdrone.errors import CheckpointError
from segdrone.export.graph import InferenceGraph, exportable_operations
from segdrone.export.other_tools import onnx_metadata
from segdrone.runtime.description import KEY, Description
from segdrone.utils.silence import silent_stdout

_OPSET = 18  # of 2023: every current runtime has it
_INPUT, _OUTPUT = "image", "probabilities"


def to_onnx(network: nn.Module, description: Description, path: Path) -> None:
    """Writes a network as an ONNX file that takes the input of `description.signature`.

    The exporter is torch's older one, by tracing: 3 s instead of the 31 s of `dynamo=True`, and equally exact, since
    `InferenceGraph` has no branch that depends on its input.

    Args:
        network: A network of `build_network`, in evaluation mode, on CPU. It is not changed.
        description: What the file says of itself; `fp16` is computed in half precision.
        path: File to write.

    Raises:
        CheckpointError: An operation of the network cannot be exported.
    """
    signature, half = description.signature, description.precision == "fp16"
    copied = copy.deepcopy(network).eval()
    graph = InferenceGraph(copied.half() if half else copied, description.spec, signature, half=half).eval()
    height, width = signature.window or (127, 131)  # primes: no padding or rounding is zero by chance
    if signature.input == "pixels":
        example = torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8)
        axes = {_INPUT: {0: "batch", 1: "height", 2: "width"}}
    else:
        example, axes = torch.rand(2, 3, height, width), {_INPUT: {0: "batch", 2: "height", 3: "width"}}
    axes[_OUTPUT] = {0: "batch", 2: "height", 3: "width"}
    if signature.window is not None:
        axes = {name: {0: "batch"} for name in axes}
    try:
        # Torch prints the graph of a failed export.
        with silent_stdout(), warnings.catch_warnings(), exportable_operations(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about branches that no input decides, and its age
            torch.onnx.export(
                graph, (example,), str(path), dynamo=False, opset_version=_OPSET,
                input_names=[_INPUT], output_names=[_OUTPUT], dynamic_axes=axes,
            )  # fmt: skip
    except Exception as error:  # options of a network can fail in any way
        reason = " ".join(str(error).split())[:200]
        name = description.spec.made_by.get("network", "the network")
        raise CheckpointError(f"{name} cannot be exported to ONNX ({reason}): give another model") from error
    save_model(onnx.load(str(path)), description, path)


def save_model(model: onnx.ModelProto, description: Description, path: Path) -> None:
    """Writes an ONNX model as `path`, with its description and what other programs read."""
    onnx.helper.set_model_props(model, {KEY: description.to_json(), **onnx_metadata(description)})
    model.doc_string = "Written by segdrone export."
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
