"""Look into an ONNX file before a runtime loads it: its metadata, where its weights are, and how large they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from segdrone.errors import CheckpointError
from segdrone.utils.bounded import UnreadableError, wrap_parse_errors
from segdrone.utils.digest import file_digest
from segdrone.utils.regular_file import open_regular

MAX_BYTES = 2 << 30
"""Largest model, with the files of its weights: protobuf's own limit."""

_STANDARD_DOMAINS = ("", "ai.onnx", "com.microsoft")  # the last: operators of ONNX Runtime, as quantization writes them
_DATA_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}
_MAX_DEPTH = 16  # of graphs in attributes
_ENDLESS = ("Loop", "Scan", "SequenceMap")  # nothing bounds how often their graphs run

# The fields of onnx.proto3 that are looked at, by message: name, number, type, whether repeated. The package `onnx`,
# which has all of them, takes half a second to import, a third of the time to a first mask.
_FIELDS = {
    "Entry": {"key": (1, "string", False), "value": (2, "string", False)},
    "Opset": {"domain": (1, "string", False), "version": (2, "int64", False)},
    "Tensor": {
        "dims": (1, "int64", True), "data_type": (2, "int32", False), "name": (8, "string", False),
        "external_data": (13, "Entry", True), "data_location": (14, "int32", False),
    },
    "Sparse": {"values": (1, "Tensor", False), "dims": (3, "int64", True)},
    "Attribute": {
        "t": (5, "Tensor", False), "g": (6, "Graph", False), "tensors": (10, "Tensor", True),
        "graphs": (11, "Graph", True), "sparse_tensor": (22, "Sparse", False), "sparse_tensors": (23, "Sparse", True),
    },
    "Node": {"op_type": (4, "string", False), "attribute": (5, "Attribute", True), "domain": (7, "string", False)},
    "Graph": {"node": (1, "Node", True), "initializer": (5, "Tensor", True), "sparse": (15, "Sparse", True)},
    "Function": {"name": (1, "string", False), "node": (7, "Node", True), "domain": (10, "string", False)},
    "Model": {
        "ir_version": (1, "int64", False), "graph": (7, "Graph", False), "opset_import": (8, "Opset", True),
        "metadata_props": (14, "Entry", True), "functions": (25, "Function", True),
    },
}  # fmt: skip


class OnnxFile(NamedTuple):
    """An ONNX file that was checked.

    Attributes:
        content: Its bytes; None if parts of the weights are in files beside it.
        metadata: Its `metadata_props`.
        digest: SHA-256 of the file, with those of its weights.
        weights: Files of its weights, by what it calls them: a path below its folder.
    """

    content: bytes | None
    metadata: dict[str, str]
    digest: str
    weights: dict[str, Path]


def read_onnx(path: Path) -> OnnxFile:
    """Reads and checks an ONNX file.

    Raises:
        CheckpointError: The file is missing, broken or too large, has operators that are not standard, or names files
            of weights that are missing or outside of its folder.
    """
    try:
        with wrap_parse_errors(CheckpointError), open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise UnreadableError(f"it is larger than {MAX_BYTES >> 30} GiB")
            content = file.read()
            model = _model_class().FromString(content)
            if not model.ir_version or not model.HasField("graph"):
                raise UnreadableError("it has no graph")
            metadata = {entry.key: entry.value for entry in model.metadata_props}
            tensors = [*_walk(model, path)]
            weights = _external_files(tensors, path)
            external = sorted({*weights.values()})
            _check_size([_bytes_of(tensor) for tensor in tensors], [file.stat().st_size for file in external])
            digests = [hashlib.sha256(content).hexdigest(), *map(file_digest, external)]
    except UnreadableError as error:
        raise CheckpointError(f"{path} is truncated or not an ONNX model ({error}): export it again") from None
    if not external:
        return OnnxFile(content, metadata, digests[0], weights)
    return OnnxFile(None, metadata, hashlib.sha256("".join(digests).encode()).hexdigest(), weights)


def _walk(model: Any, path: Path) -> Iterator[Any]:
    """Yields all tensors of a model, and checks its operators.

    Raises:
        CheckpointError: An operator is not standard.
    """
    own = {(function.domain, function.name) for function in model.functions}
    stack = [(model.graph, 0), *((function, 0) for function in model.functions)]
    while stack:
        graph, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise UnreadableError("its graphs are nested too deeply")
        if hasattr(graph, "initializer"):
            yield from graph.initializer
            yield from graph.sparse
        for node in graph.node:
            name = f"{ascii(node.domain)[1:-1][:60]}:{ascii(node.op_type)[1:-1][:60]}".removeprefix(":")
            standard = node.domain in _STANDARD_DOMAINS and node.op_type != "EPContext"  # compiled code of a device
            if not standard and (node.domain, node.op_type) not in own:
                raise CheckpointError(
                    f"{path} has the custom operator {name}, which would need code of its maker: export the model "
                    "with standard operators"
                )
            if node.op_type in _ENDLESS:
                raise CheckpointError(
                    f"{path} has the operator {name}, which may never end: export the network without loops"
                )
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors, attribute.sparse_tensor, *attribute.sparse_tensors)
                stack += [(attribute.g, depth + 1)] if attribute.HasField("g") else []
                stack += [(inner, depth + 1) for inner in attribute.graphs]


def _external_files(tensors: list[Any], path: Path) -> dict[str, Path]:
    """Returns the files beside a model that hold its weights, by what it calls them.

    Raises:
        CheckpointError: One is missing, or outside of the model's folder.
    """
    folder, files = path.resolve().parent, dict[str, Path]()
    for tensor in (getattr(tensor, "values", tensor) for tensor in tensors):
        if tensor.data_location != 1 and not tensor.external_data:
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        file = (folder / location).resolve()
        if not location or Path(location).is_absolute() or not file.is_relative_to(folder) or not file.is_file():
            raise CheckpointError(
                f"{path} keeps weights in {ascii(location)[1:-1][:100] or 'no file'}, which is no file in its folder: "
                "copy that file beside it, or export the model again"
            )
        files[location] = file
    return files


def _check_size(tensors: list[int], files: list[int]) -> None:
    largest = max(sum(tensors), sum(files))
    if largest > MAX_BYTES:
        raise UnreadableError(f"its weights need {largest / 2**30:.1f} GiB, more than {MAX_BYTES >> 30} GiB")


def _bytes_of(tensor: Any) -> int:
    """Returns the bytes that a tensor needs, dense."""
    count = _DATA_BYTES.get(getattr(tensor, "values", tensor).data_type, 1)
    for side in tensor.dims:
        if side < 0:
            raise UnreadableError("a tensor has a negative size")
        count *= side
    return count if tensor.ByteSize() else 0


@cache
def _model_class() -> Any:
    """Builds the protobuf class of `_FIELDS`."""
    field_class = descriptor_pb2.FieldDescriptorProto
    types = {"string": field_class.TYPE_STRING, "int64": field_class.TYPE_INT64, "int32": field_class.TYPE_INT32}
    file = descriptor_pb2.FileDescriptorProto(name="segdrone_onnx.proto", package="segdrone_onnx", syntax="proto2")
    for message_name, fields in _FIELDS.items():
        message = file.message_type.add(name=message_name)
        for name, (number, kind, repeated) in fields.items():
            label = field_class.LABEL_REPEATED if repeated else field_class.LABEL_OPTIONAL
            if kind in types:
                message.field.add(name=name, number=number, type=types[kind], label=label)
            else:
                type_name = f".segdrone_onnx.{kind}"
                message.field.add(
                    name=name, number=number, type=field_class.TYPE_MESSAGE, type_name=type_name, label=label
                )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("segdrone_onnx.Model"))
