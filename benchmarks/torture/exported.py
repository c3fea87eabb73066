"""Change exported models: nodes, tensors and metadata of ONNX graphs, the XML and the weights of OpenVINO models."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from benchmarks.torture.change_bytes import change_bytes
from benchmarks.torture.change_trees import INFINITIES, change_tree, change_xml, nested
from benchmarks.torture.samples import SIZE

_OPERATORS = ("Conv", "Loop", "Identity", "Reshape", "ConstantOfShape", "Expand", "Gather", "Nope", "Resize", "")
_NUMBERS = (0, 1, -1, 3, 1 << 20, 1 << 40, 2**63 - 1, -(2**63))


def copy_exported(ground: Path, folder: Path, rng: random.Random) -> Path:
    """Copies an exported model into a folder, and returns the file to change: `.onnx`, `.xml` or `.bin`."""
    name = rng.choice(("best.onnx", "best.onnx", "best.xml", "best.bin"))
    for file in (ground / "exported").glob("best.*"):
        shutil.copy(file, folder)
    return folder / name


def read_exported(path: Path, seed: int) -> None:
    """Opens the model that the file is part of, and predicts with it."""
    from segdrone.inference import Predictor

    model = path.with_suffix(".xml") if path.suffix == ".bin" else path
    Predictor.from_file(model, device="cpu")(np.zeros((*SIZE, 3), np.uint8))


def change_model(content: bytes, rng: random.Random) -> bytes:
    """Returns a model with some parts changed; weights of OpenVINO, which have no structure, by bytes."""
    if content.lstrip().startswith(b"<"):
        return change_xml(content, rng)
    try:
        model = onnx.load_from_string(content)
    except Exception:  # weights
        return change_bytes(content, rng)
    if not model.graph.node:
        return change_bytes(content, rng)
    for _ in range(rng.choice((1, 1, 2))):
        rng.choice((_change_node, _change_node, _change_tensor, _change_value, _change_metadata))(model, rng)
    return bytes(model.SerializeToString())


def _change_node(model: Any, rng: random.Random) -> None:
    node = rng.choice(model.graph.node)
    action = rng.randrange(6)
    if action == 0:
        node.op_type = rng.choice(_OPERATORS)
    elif action == 1:
        node.domain = rng.choice(("", "mine", "com.microsoft"))
    elif action == 2 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(("", "nothing", node.output[0], rng.choice(node.input)))
    elif action == 3:
        model.graph.node.remove(node)
    elif action == 4:
        model.graph.node.append(node)
    elif node.attribute:
        attribute = rng.choice(node.attribute)
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(_NUMBERS)
        elif attribute.HasField("t"):
            _spoil(attribute.t, rng)
        else:
            attribute.i = rng.choice(_NUMBERS)


def _change_tensor(model: Any, rng: random.Random) -> None:
    _spoil(rng.choice(model.graph.initializer), rng)


def _spoil(tensor: Any, rng: random.Random) -> None:
    """Changes size, type or content of a tensor."""
    action = rng.randrange(5)
    if action == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(_NUMBERS)
    elif action == 1:
        tensor.data_type = rng.randrange(30)
    elif action == 2:
        tensor.raw_data = tensor.raw_data[: len(tensor.raw_data) // 2]
    elif action == 3:
        values = np.full(max(1, len(tensor.raw_data) // 4), rng.choice((np.nan, np.inf, 3e38, -1)), np.float32)
        tensor.raw_data = values.tobytes()[: len(tensor.raw_data)]
    else:
        tensor.data_location = 1
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", rng.choice(("best.bin", "../best.onnx", "/dev/zero", "missing", ""))


def _change_value(model: Any, rng: random.Random) -> None:
    """Changes what the graph says of an input or output, or its version."""
    value = rng.choice((*model.graph.input, *model.graph.output))
    action = rng.randrange(4)
    if action == 0:
        value.type.tensor_type.elem_type = rng.randrange(24)
    elif action == 1:
        rng.choice(value.type.tensor_type.shape.dim).dim_value = rng.choice(_NUMBERS)
    elif action == 2:
        value.name = rng.choice(("", "other"))
    else:
        model.opset_import[0].version = rng.choice(_NUMBERS)


def _change_metadata(model: Any, rng: random.Random) -> None:
    """Changes the description."""
    entry = rng.choice(model.metadata_props)
    entry.value = json.dumps(change_tree(json.loads(entry.value), rng, (nested(100), *INFINITIES)))
