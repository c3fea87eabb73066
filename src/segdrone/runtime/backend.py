"""The call that every runtime of a finished model answers."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segdrone.spec import ModelSpec
from segdrone.windows import Size


class Backend(Protocol):
    """A finished model that maps windows of pixels to class probabilities.

    Attributes:
        spec: Classes, normalization and scale of the model.
        stride: Rows and columns between the cells of the network's coarsest feature map, in pixels: windows that
            start at multiples of it see the same of that map as the whole image would.
        device: What computes, such as `cpu` or `cuda:0`.
        batch_size: Windows that are best given at once.
        settings: All else that the probabilities depend on, as plain values: precision, digest of the file.
    """

    spec: ModelSpec
    stride: Size
    device: str
    batch_size: int

    @property
    def settings(self) -> dict[str, Any]:
        """All that the probabilities depend on beside the spec, as plain values."""

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the class probabilities of windows.

        Normalization is done inside, once. Height and width may be anything.

        Args:
            windows: uint8 `[N, h, w, 3]`, RGB.

        Returns:
            float32 `[N, C, h, w]`, contiguous; sums to 1 over C.

        Raises:
            OutOfMemory: The device does not hold as many windows; fewer may fit.
        """


class OutOfMemory(Exception):
    """The device's memory is too small for the windows that were given at once."""
