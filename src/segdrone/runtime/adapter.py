"""Bring windows into the form of a model file's input, and its output into the form of a `Backend`."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.errors import CheckpointError
from segdrone.normalize import Normalize
from segdrone.runtime.description import Description

_STEP, _TOLERANCE = 16, 0.01  # pixels between those whose sum is checked; of the sum


class Adapter:
    """Converts between a `Backend`'s arrays and those of a graph.

    Args:
        description: The model file's own.
    """

    def __init__(self, description: Description) -> None:
        spec, self._signature = description.spec, description.signature
        self._classes, self._planes = len(spec.classes), spec.planes
        normalized = self._signature.input == "normalized"
        self._normalize = Normalize(spec.mean, spec.std) if normalized else Normalize((0.0,) * 3, (1.0,) * 3)

    def to_input(self, windows: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Returns the graph's input for windows, uint8 `[N, h, w, 3]`, RGB.

        If the graph takes one size, smaller windows are padded at the bottom and right by repeating the last pixels.
        """
        if self._signature.window is not None:
            windows = _pad(windows, *self._signature.window)
        if self._signature.input == "pixels":
            return np.ascontiguousarray(windows)
        images = np.empty(windows.shape, np.float32)
        for window, image in zip(windows, images, strict=True):
            self._normalize(window, out=image)
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    def to_probabilities(self, output: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        """Returns what a `Backend` returns, float32 `[N, planes, height, width]`, from the graph's output.

        Raises:
            CheckpointError: The output is not what the description says.
        """
        expected = (self._planes, *(self._signature.window or (height, width)))
        if output.shape[1:] != expected:
            raise CheckpointError(
                f"the model returns {list(output.shape[1:])} for a window, but its description says {list(expected)} "
                "(classes, height, width): fix the description, or export the model again"
            )
        output = output[..., :height, :width]
        classes = output[:, : self._classes]
        if self._signature.output == "logits":
            classes = np.exp(classes - classes.max(1, keepdims=True))
            classes /= classes.sum(1, keepdims=True)
            output = np.concatenate([classes, output[:, self._classes :]], 1)
        elif (np.abs(classes[..., ::_STEP, ::_STEP].sum(1) - 1) > _TOLERANCE).any():  # NaN passes, and is found later
            raise CheckpointError(
                "the model returns values that do not sum to 1 over the classes, but its description says "
                "probabilities: say output=logits in it, or export the model again"
            )
        return np.ascontiguousarray(output, np.float32)


def _pad(windows: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    bottom, right = height - windows.shape[1], width - windows.shape[2]
    if bottom == right == 0:
        return windows
    border = cv2.BORDER_REPLICATE
    return np.stack([cv2.copyMakeBorder(window, 0, bottom, 0, right, border) for window in windows]).astype(np.uint8)
