"""Export a network to ONNX."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from segdrone.export.graph import InferenceGraph, example_input, exportable_operations, refusal
from segdrone.export.other_tools import onnx_metadata
from segdrone.runtime.description import KEY, Description
from segdrone.utils.silence import silent_stdout

_OPSET = 18  # of 2023: every current runtime has it
_INPUT, OUTPUT = "image", "probabilities"


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
    axes = {OUTPUT: {0: "batch", 2: "height", 3: "width"}}
    axes[_INPUT] = {0: "batch", 1: "height", 2: "width"} if signature.input == "pixels" else axes[OUTPUT]
    if signature.window is not None:
        axes = {name: {0: "batch"} for name in axes}
    try:
        # Torch prints the graph of a failed export.
        with silent_stdout(), warnings.catch_warnings(), exportable_operations(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about branches that no input decides, and its age
            torch.onnx.export(
                graph, (example_input(signature),), str(path), dynamo=False, opset_version=_OPSET,
                input_names=[_INPUT], output_names=[OUTPUT], dynamic_axes=axes,
            )  # fmt: skip
    except Exception as error:
        raise refusal("ONNX", description, error) from error
    model = onnx.load(str(path))
    if signature.window is not None:  # torch loses it behind some operations; QGIS Deepness refuses what is no square
        for axis, side in zip(model.graph.output[0].type.tensor_type.shape.dim[2:], signature.window, strict=True):
            axis.dim_value = side
    save_model(model, description, path)


def save_model(model: onnx.ModelProto, description: Description, path: Path) -> None:
    """Writes an ONNX model as `path`, with its description and what other programs read."""
    onnx.helper.set_model_props(model, {KEY: description.to_json(), **onnx_metadata(description)})
    model.doc_string = "Written by segdrone export."
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
