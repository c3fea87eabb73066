"""Compare the inputs and outputs that a graph declares with its description."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from segdrone.errors import CheckpointError
from segdrone.runtime.description import Description


class Declared(NamedTuple):
    """An input or output of a graph.

    Attributes:
        dtype: NumPy's name of its numbers.
        shape: Its sides; None for those of any length.
    """

    dtype: str
    shape: Sequence[int | None]


def check_declared(
    path: Path, description: Description, inputs: Sequence[Declared], outputs: Sequence[Declared]
) -> None:
    """Checks that a graph takes and returns what its description says.

    Raises:
        CheckpointError: It does not, so its masks would be wrong.
    """
    if len(inputs) != 1 or len(outputs) != 1:
        raise CheckpointError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs: export it with one of each, the image and "
            "the classes"
        )
    signature = description.signature
    height, width = signature.window or (None, None)
    pixels = signature.input == "pixels"
    expected = Declared(*(("uint8", (None, height, width, 3)) if pixels else ("float32", (None, 3, height, width))))
    if inputs[0].dtype != expected.dtype or not _fits(inputs[0].shape, expected.shape, fixed=True):
        raise CheckpointError(
            f"the input of {path} is {_show(inputs[0])}, but its description says {_show(expected)}: fix input and "
            "window of the description, or export the model again"
        )
    result = Declared("float32", (None, description.spec.planes, height, width))
    if not outputs[0].dtype.startswith("float") or not _fits(outputs[0].shape, result.shape):
        raise CheckpointError(
            f"the output of {path} is {_show(outputs[0])}, but its description says {_show(result)}: fix the classes "
            "of the description, or export the model again"
        )


def _fits(shape: Sequence[int | None], expected: Sequence[int | None], *, fixed: bool = False) -> bool:
    """Whether sides agree where both are known; with `fixed`, only the batch may be known to the graph alone."""
    if len(shape) != len(expected):
        return False
    pairs = [*zip(shape, expected, strict=True)][1:]
    return all(side is None or side == known or (known is None and not fixed) for side, known in pairs)


def _show(declared: Declared) -> str:
    sides = ", ".join("any" if side is None else str(side) for side in declared.shape)
    return f"{declared.dtype} [{sides}]"
