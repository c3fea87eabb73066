"""Read and write the bodies of the open inference protocol (KServe V2), in JSON or with binary tensors.

Binary tensors follow the JSON, as in Triton's extension: `Inference-Header-Content-Length` says where they begin.
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from segdrone.errors import DataError
from segdrone.utils.bounded import UnreadableError, parse_json, validate

INPUT, OUTPUT = "windows", "probabilities"
MAX_JSON = 16 << 20  # bytes, of which each takes up to thirty bytes of memory
MAX_PIXELS = 4_000_000  # of all windows: each has a float32 for each class in the answer
_AT_ONCE = 1 << 14  # values that become JSON


@dataclass(frozen=True)
class _Input:
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "ignore"}

    name: str
    shape: tuple[int, int, int, int]
    datatype: str
    data: Any = None
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Output:
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "ignore"}

    name: str
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Request:
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "ignore"}

    inputs: tuple[_Input]
    outputs: tuple[_Output, ...] = ()
    id: str | None = None
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True)
class Inference:
    """A request.

    Attributes:
        windows: uint8 `[N, h, w, 3]`, RGB.
        id: The client's id of it; None if it has none.
        binary: Whether the answer's tensor is to be binary.
    """

    windows: NDArray[np.uint8]
    id: str | None
    binary: bool


def read_request(file: Path, header: int | None) -> Inference:
    """Reads a request from the file of its body.

    Args:
        file: The file.
        header: Length of the JSON in bytes, if binary tensors follow.

    Raises:
        DataError: It is not such a request.
    """
    size = file.stat().st_size
    length = size if header is None else header
    if not 0 < length <= min(size, MAX_JSON):
        raise DataError(f"the JSON must have 1 to {MAX_JSON} bytes: send windows as binary tensors")
    with file.open("rb") as opened:
        text, binary = opened.read(length), b"" if header is None else opened.read()
    try:
        request = validate(_Request, parse_json(text.decode("utf-8")))
    except (UnreadableError, UnicodeDecodeError) as error:
        raise DataError(f"the request is not that of the open inference protocol ({error})") from None
    (tensor,), outputs = request.inputs, request.outputs
    if tensor.name != INPUT or tensor.datatype != "UINT8" or any(output.name != OUTPUT for output in outputs):
        raise DataError(f"the input must be {INPUT} of the datatype UINT8, and the output {OUTPUT}")
    if min(tensor.shape) < 1 or tensor.shape[3] != 3 or prod(tensor.shape[:3]) > MAX_PIXELS:
        raise DataError(f"the shape of {INPUT} must be [N, height, width, 3], with at most {MAX_PIXELS} pixels")
    wishes = [output.parameters or {} for output in outputs]
    is_binary = (request.parameters or {}).get("binary_data_output") is True
    is_binary = wishes[0].get("binary_data", is_binary) is True if wishes else is_binary
    return Inference(_values(tensor, binary).reshape(tensor.shape), request.id, is_binary)


def _values(tensor: _Input, binary: bytes) -> NDArray[np.uint8]:
    announced, expected = (tensor.parameters or {}).get("binary_data_size"), prod(tensor.shape)
    if announced is not None:
        if not announced == len(binary) == expected:
            raise DataError(f"{INPUT} has {len(binary)} bytes, not the {expected} of its shape")
        return np.frombuffer(binary, np.uint8)
    try:
        values = np.asarray(tensor.data)
    except ValueError:
        values = np.empty(0)
    if values.dtype.kind not in "iu" or values.size != expected or values.min() < 0 or values.max() > 255:
        raise DataError(f"the data of {INPUT} must be {expected} whole numbers from 0 to 255")
    return values.astype(np.uint8).ravel()


def write_answer(
    request: Inference, model: str, digest: str, probabilities: NDArray[np.float32], file: Path
) -> int | None:
    """Writes the body of an answer to a file.

    Args:
        request: What it answers.
        model: Name of the model.
        digest: SHA-256 of its file, which is its version.
        probabilities: float32 `[N, C, h, w]`.
        file: The file.

    Returns:
        Length of the JSON in bytes, if a binary tensor follows.
    """
    tensor: dict[str, Any] = {"name": OUTPUT, "datatype": "FP32", "shape": list(probabilities.shape)}
    content: dict[str, Any] = {"model_name": model, "model_version": digest}
    if request.id is not None:
        content["id"] = request.id
    content["outputs"] = [tensor]
    if not request.binary:
        tensor["data"] = []
        _write_json(content, probabilities.ravel(), file)
        return None
    tensor["parameters"] = {"binary_data_size": probabilities.nbytes}
    header = json.dumps(content).encode("ascii")
    with file.open("wb") as opened:
        opened.write(header)
        opened.write(np.ascontiguousarray(probabilities, "<f4").data)  # without other planes of a model, it has gaps
    return len(header)


def _write_json(content: dict[str, Any], values: NDArray[np.float32], file: Path) -> None:
    """Writes an answer with values in its last list, which is empty: some at a time, as text they take much memory."""
    begin, _, end = json.dumps(content).rpartition("[]")
    with file.open("w", encoding="ascii") as opened:
        opened.write(f"{begin}[")
        for start in range(0, len(values), _AT_ONCE):
            part = [round(value, 6) for value in values[start : start + _AT_ONCE].tolist()]
            opened.write(f"{', ' if start else ''}{json.dumps(part)[1:-1]}")
        opened.write(f"]{end}")
