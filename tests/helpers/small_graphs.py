"""ONNX files of a few operators: good ones, and ones that ask for too much."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino as ov
from onnx import TensorProto, helper, numpy_helper

from segdrone.export.to_openvino import save_model as save_openvino
from segdrone.runtime.description import Description, Signature
from segdrone.runtime.openvino_backend import openvino_core
from tests.helpers.exported import SPEC

PIXELS = Description(SPEC, Signature("pixels", "probabilities"))
UNIT = Description(SPEC, Signature("unit", "probabilities"))
NORMALIZED = Description(SPEC, Signature("normalized", "logits"))


def weights(name: str = "w", value: float = 2.0) -> onnx.TensorProto:
    """Returns weights of a convolution that map three channels to the four classes of `SPEC`."""
    values = np.random.default_rng(0).normal(0, value, (4, 3, 1, 1)).astype(np.float32)
    return numpy_helper.from_array(values, name)


Node = tuple[str, list[str], list[str], dict[str, Any]]
SOFTMAX: tuple[Node, ...] = (("Conv", ["x", "w"], ["logits"], {}), ("Softmax", ["logits"], ["y"], {"axis": 1}))


def graph(
    nodes: Sequence[Node] = SOFTMAX,
    *,
    inputs: Sequence[tuple[str, int, list[Any]]] = (("x", TensorProto.FLOAT, ["n", 3, "h", "w"]),),
    outputs: Sequence[tuple[str, int, list[Any]]] = (("y", TensorProto.FLOAT, ["n", 4, "h", "w"]),),
    tensors: Sequence[onnx.TensorProto] = (),
    opset: int = 18,
) -> onnx.ModelProto:
    """Returns a model; by default a convolution of one pixel and a softmax, of values from 0 to 1."""
    made = [helper.make_node(kind, of, to, **attributes) for kind, of, to, attributes in nodes]
    values = [[helper.make_tensor_value_info(*value) for value in group] for group in (inputs, outputs)]
    body = helper.make_graph(made, "g", values[0], values[1], [weights(), *tensors])
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def write(model: onnx.ModelProto, path: Path, description: Description | None = UNIT) -> Path:
    """Writes a model as `.onnx` or `.xml`, with a description or without; ONNX files are not checked."""
    if path.suffix == ".xml":
        converted = openvino_core().read_model(model.SerializeToString())
        if description is None:
            ov.save_model(converted, path, compress_to_fp16=False)
        else:
            save_openvino(converted, description, path)
        return path
    if description is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = "segdrone", description.to_json()
    path.write_bytes(model.SerializeToString())
    return path
