"""Models and photographs for tests of the service: small ones, and ones that take seconds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

from onnx import numpy_helper
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.runtime.description import Description, Signature
from tests.helpers.exported import SPEC, random_pixels
from tests.helpers.small_graphs import graph, weights, write

# Photographs at their own size, in windows of 48 x 64 pixels: a large one takes seconds, and can be stopped meanwhile.
TILED = dataclasses.replace(SPEC, sampling="tiles")
OTHER = dataclasses.replace(TILED, classes=ClassTable(("a", "b", "c", "car"), TILED.classes.colours))


def write_model(path: Path, *, other: bool = False) -> Path:
    """Writes a model of one convolution; `other` has other classes and weights."""
    model = graph()
    if other:
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights()), "w"))
    return write(model, path, Description(OTHER if other else TILED, Signature("unit", "probabilities")))


@cache
def photograph(height: int = 60, width: int = 90, kind: str = "JPEG") -> bytes:
    """Returns a file of coarse shapes with noise."""
    file = BytesIO()
    Image.fromarray(random_pixels(1, height, width)[0]).save(file, kind)
    return file.getvalue()


def slow_photograph() -> bytes:
    """Returns a photograph that takes some seconds in 1,700 windows, and a moment to decode."""
    return photograph(1500, 2000)


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits until a condition holds.

    Raises:
        TimeoutError: It does not.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)
