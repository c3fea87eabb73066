"""Build the ONNX graph of decision trees, and open it with ONNX Runtime, without the package `onnx`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnxruntime as ort
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from numpy.typing import NDArray

# The fields of onnx.proto3 that the graph has, by message: name, number, type, whether repeated.
_FIELDS = {
    "Opset": {"domain": (1, "string", False), "version": (2, "int64", False)},
    "Attribute": {
        "name": (1, "string", False), "i": (3, "int64", False), "s": (4, "bytes", False), "floats": (7, "float", True),
        "ints": (8, "int64", True), "strings": (9, "bytes", True), "type": (20, "int32", False),
    },
    "Node": {
        "input": (1, "string", True), "output": (2, "string", True), "op_type": (4, "string", False),
        "attribute": (5, "Attribute", True), "domain": (7, "string", False),
    },
    "Side": {"value": (1, "int64", False), "name": (2, "string", False)},
    "Shape": {"side": (1, "Side", True)},
    "Tensor": {"kind": (1, "int32", False), "shape": (2, "Shape", False)},
    "Type": {"tensor": (1, "Tensor", False)},
    "Value": {"name": (1, "string", False), "type": (2, "Type", False)},
    "Graph": {
        "node": (1, "Node", True), "name": (2, "string", False), "input": (11, "Value", True),
        "output": (12, "Value", True),
    },
    "Model": {"ir_version": (1, "int64", False), "graph": (7, "Graph", False), "opset": (8, "Opset", True)},
}  # fmt: skip
_FLOAT = 1  # of TensorProto.DataType
_KINDS = {"i": 2, "s": 3, "floats": 6, "ints": 7, "strings": 8}  # of AttributeProto.AttributeType


def open_trees(
    roots: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    leaf: NDArray[np.int32],
    leaf_class: NDArray[np.int32],
    weight: NDArray[np.float32],
    classes: int,
) -> ort.InferenceSession:
    """Opens checked trees; arguments as of `Trees`, and the number of classes.

    Returns:
        A session that maps `rows`, float32 `[R, F]`, to sums, float32 `[R, C]`.
    """
    tree = np.searchsorted(roots, np.arange(len(feature)), side="right") - 1
    start = roots[tree]
    is_leaf = feature < 0
    model = _classes("Model")(ir_version=8)
    model.opset.add(domain="", version=17)
    model.opset.add(domain="ai.onnx.ml", version=3)
    graph = model.graph
    graph.name = "trees"
    for values, name, columns in ((graph.input, "rows", None), (graph.output, "sums", classes)):
        shape = values.add(name=name).type.tensor
        shape.kind = _FLOAT
        shape.shape.side.add(name="rows")
        shape.shape.side.add(**({"name": "features"} if columns is None else {"value": columns}))
    node = graph.node.add(op_type="TreeEnsembleRegressor", domain="ai.onnx.ml", input=["rows"], output=["sums"])
    _add(node, "n_targets", i=classes)
    _add(node, "aggregate_function", s=b"SUM")
    _add(node, "nodes_treeids", ints=tree)
    _add(node, "nodes_nodeids", ints=np.arange(len(feature)) - start)
    _add(node, "nodes_featureids", ints=np.maximum(feature, 0))
    _add(node, "nodes_values", floats=threshold)
    _add(node, "nodes_modes", strings=np.where(is_leaf, b"LEAF", b"BRANCH_LEQ"))
    _add(node, "nodes_truenodeids", ints=np.where(is_leaf, 0, left - start))
    _add(node, "nodes_falsenodeids", ints=np.where(is_leaf, 0, right - start))
    _add(node, "target_treeids", ints=tree[leaf])
    _add(node, "target_nodeids", ints=leaf - start[leaf])
    _add(node, "target_ids", ints=leaf_class)
    _add(node, "target_weights", floats=weight)
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors become exceptions
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _add(node: Any, name: str, **value: Any) -> None:
    [(field, content)] = value.items()
    plain = content.tolist() if isinstance(content, np.ndarray) else content
    node.attribute.add(name=name, type=_KINDS[field], **{field: plain})


@cache
def _classes(name: str) -> Any:
    """Builds a protobuf class of `_FIELDS`."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="segdrone_trees.proto", package="segdrone_trees", syntax="proto3")
    for message_name, fields in _FIELDS.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind, repeated) in fields.items():
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in _FIELDS:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".segdrone_trees.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"segdrone_trees.{name}"))
