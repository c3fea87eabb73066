"""Look into the two files of an OpenVINO model before the runtime loads them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, NamedTuple
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse

from segdrone.errors import CheckpointError
from segdrone.runtime.description import KEY
from segdrone.utils.bounded import MAX_DEPTH, UnreadableError, wrap_parse_errors
from segdrone.utils.digest import file_digest
from segdrone.utils.regular_file import open_regular

WEIGHTS_KEY = "segdrone_weights"
"""Name in `rt_info` of the SHA-256 of the `.bin` file: one of another model with layers of equal sizes would fit."""

_MAX_GRAPH, _MAX_WEIGHTS = 64 << 20, 2 << 30  # bytes of the .xml and the .bin file
_ENDLESS = ("Loop", "TensorIterator")  # nothing bounds how often their graphs run


class OpenVinoFiles(NamedTuple):
    """The files of an OpenVINO model that were checked.

    Attributes:
        description: Text of the model's description; None if it has none.
        digest: SHA-256 of both files.
    """

    description: str | None
    digest: str


def read_openvino(path: Path) -> OpenVinoFiles:
    """Reads and checks the `.xml` and the `.bin` file of a model.

    Raises:
        CheckpointError: A file is missing, broken, too large, or belongs to another model.
    """
    weights = path.with_suffix(".bin")
    _check_file(path, _MAX_GRAPH)
    _check_file(weights, _MAX_WEIGHTS)
    try:
        with wrap_parse_errors(CheckpointError), path.open("rb") as file:
            info = _read_graph(path, file, weights.stat().st_size)
    except UnreadableError as error:
        raise CheckpointError(f"{path} is truncated or not an OpenVINO model ({error}): export it again") from None
    digest = file_digest(weights)
    if (expected := info.get(WEIGHTS_KEY)) not in (None, digest):
        raise CheckpointError(
            f"{weights} was changed or is of another model than {path} ({digest[:8]}, not {str(expected)[:8]!a}): copy "
            "both files of one export"
        )
    if KEY in info and expected is None:
        raise CheckpointError(f"{path} does not say which weights it belongs to: export the model again")
    return OpenVinoFiles(info.get(KEY), hashlib.sha256(f"{file_digest(path)}{digest}".encode()).hexdigest())


def _check_file(path: Path, limit: int) -> None:
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}): an OpenVINO model is an .xml and a .bin file of one name"
        ) from None
    if size > limit:
        raise CheckpointError(f"{path} is larger than {limit >> 20} MiB: give another model")


def _read_graph(path: Path, file: BinaryIO, weights: int) -> dict[str, str]:
    """Checks the layers of a graph, and returns the texts in its `rt_info`."""
    info: dict[str, str] = {}
    parents: list[Element] = []
    for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            if not parents and element.tag != "net":
                raise UnreadableError("it has no graph")
            if len(parents) > MAX_DEPTH:
                raise UnreadableError("it is nested too deeply")
            if [parent.tag for parent in parents] == ["net", "rt_info"]:
                info[element.tag] = element.get("value", "")
            parents.append(element)
            continue
        parents.pop()
        if element.tag == "layer":
            _check_layer(path, element, weights)
            element.clear()
    return info


def _check_layer(path: Path, layer: Element, weights: int) -> None:
    kind = layer.get("type", "")
    if kind in _ENDLESS:
        raise CheckpointError(f"{path} has the layer {kind}, which may never end: export the network without loops")
    data = layer.find("data")
    if kind == "Const" and data is not None:
        offset, size = int(data.get("offset", 0)), int(data.get("size", 0))
        if offset < 0 or size < 0 or offset + size > weights:
            raise UnreadableError(f"its weights end at byte {offset + size}, but its .bin file has {weights}")
