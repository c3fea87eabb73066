"""Define the interface of runtimes: uint8 windows in, class probabilities out."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import CheckpointError
from segdrone.spec import ModelSpec
from segdrone.windows import Size

OVERFLOW = (
    "the output of the model is not a number at some pixels: its weights are too large, as of a training that "
    "diverged, or its file is damaged: give another"
)


class Backend(Protocol):
    """A finished model that maps windows of pixels to class probabilities.

    Attributes:
        spec: Classes, normalization and scale of the model.
        stride: Stride of the network's coarsest feature map, rows and columns in pixels. Windows that start at
            multiples of it share the cells of this map with the full image.
        device: Where it computes, such as `cpu` or `cuda:0`.
        batch_size: Number of windows at which a call is fastest.
        window: Largest height and width of windows, for a model of one size; None if it takes any.
    """

    spec: ModelSpec
    stride: Size
    device: str
    batch_size: int
    window: Size | None

    @property
    def settings(self) -> dict[str, Any]:
        """What the probabilities depend on besides the spec, as plain values: precision, digest of the file."""

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the class probabilities of windows; normalizes them first.

        Args:
            windows: uint8 `[N, h, w, 3]`, RGB, of any height and width.

        Returns:
            float32 `[N, spec.planes, h, w]`, contiguous: the probabilities of the C classes, which sum to 1, and behind
            them, if the model tells things apart, the `INSTANCE_PLANES`.

        Raises:
            OutOfMemory: The device's memory is too small for this number of windows; fewer may fit.
        """


def check_probabilities(backend: Backend, windows: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> None:
    """Checks what a backend returned for windows, uint8 `[N, h, w, 3]`: dtype, shape, NaN, and one pixel's sum.

    Raises:
        TypeError: It breaks the contract of `Backend`, so its masks would be wrong.
        CheckpointError: The output of the model overflows.
    """
    number, height, width, _ = windows.shape
    classes, expected = len(backend.spec.classes), (number, backend.spec.planes, height, width)
    dtype, shape = getattr(probabilities, "dtype", type(probabilities).__name__), getattr(probabilities, "shape", ())
    name = type(backend).__name__
    if dtype != np.float32 or shape != expected:
        raise TypeError(f"{name} returned {dtype} {list(shape)}: it must return float32 {list(expected)}")
    own = [0, *range(classes, backend.spec.planes)]  # a softmax is NaN in all classes of a pixel, or in none
    if not all(np.isfinite(probabilities[:, plane].sum()) for plane in own):
        raise CheckpointError(OVERFLOW)
    total = float(probabilities[0, :classes, 0, 0].sum())
    if not abs(total - 1) < 0.01:
        raise TypeError(
            f"{name} returned values that sum to {total:.3g} over the classes: it must return probabilities"
        )


class OutOfMemory(Exception):
    """The device's memory is too small for the windows of one call."""
