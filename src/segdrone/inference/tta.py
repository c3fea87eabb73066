"""Test-time augmentation (TTA): predict a window several ways, and average the probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.inference.upsample import interpolate, interpolation_weights
from segdrone.windows import Size


class D4Transform(NamedTuple):
    """One of the eight symmetries of a square: the dihedral group D4.

    Attributes:
        turns: Quarter turns, counterclockwise.
        mirrored: Whether the turned image is flipped left to right.

    Example:
        >>> image = np.array([[1, 2], [3, 4]])
        >>> transform = D4Transform(turns=1, mirrored=False)
        >>> transform.apply(image).tolist()
        [[2, 4], [1, 3]]
        >>> transform.undo(transform.apply(image)).tolist()
        [[1, 2], [3, 4]]
    """

    turns: int
    mirrored: bool

    def apply(self, images: NDArray[Any], axes: tuple[int, int] = (-2, -1)) -> NDArray[Any]:
        """Returns a view of turned and flipped images, whose rows and columns run along `axes`."""
        turned = np.rot90(images, self.turns, axes)
        return np.flip(turned, axes[1]) if self.mirrored else turned

    def undo(self, images: NDArray[Any], axes: tuple[int, int] = (-2, -1)) -> NDArray[Any]:
        """Returns a view of the images that `apply` was called with."""
        turned = np.flip(images, axes[1]) if self.mirrored else images
        return np.rot90(turned, -self.turns, axes)

    def undo_vectors(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns arrows of rows and columns `[..., 2, h, w]` of turned and flipped images as arrows of the images.

        Example:
            >>> down = np.array([1, 0], np.float32).reshape(2, 1, 1)
            >>> D4Transform(turns=1, mirrored=False).undo_vectors(down).ravel().tolist()
            [0.0, -1.0]
        """
        down, right = self.undo(vectors[..., 0, :, :]), self.undo(vectors[..., 1, :, :])
        if self.mirrored:
            right = -right
        for _ in range(self.turns):
            down, right = right, -down
        return np.stack([down, right], -3)


AUGMENTS: dict[str, tuple[D4Transform, ...]] = {
    "none": (D4Transform(0, False),),
    "flips": (D4Transform(0, False), D4Transform(0, True), D4Transform(2, True), D4Transform(2, False)),
    "symmetries": tuple(D4Transform(turns, mirrored) for turns in range(4) for mirrored in (False, True)),
}


_NONE = slice(0, 0)


def mean_probabilities(
    backend: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    windows: NDArray[np.uint8],
    transforms: Sequence[D4Transform],
    scales: Sequence[float],
    vectors: slice = _NONE,
) -> NDArray[np.float32]:
    """Returns class probabilities, averaged over all transforms at all scales.

    Args:
        backend: Maps windows, uint8 `[N, h, w, 3]`, to probabilities, float32 `[N, C, h, w]`.
        windows: uint8 `[N, h, w, 3]`, RGB.
        transforms: How windows are turned and flipped.
        scales: Factors that windows are resized by, bilinearly and rounded to uint8; 1 keeps their size.
        vectors: Two planes among the C that hold arrows instead, of rows and of columns in pixels of the window.

    Returns:
        float32 `[N, C, h, w]`.
    """
    size: Size = (windows.shape[1], windows.shape[2])
    total: NDArray[np.float32] | None = None
    for scale in scales:
        resized = windows if scale == 1 else _resize_windows(windows, scale)
        for transform in transforms:
            given = np.ascontiguousarray(transform.apply(resized, (1, 2)))
            probabilities = _resize_probabilities(_undo(transform, backend(given), vectors), size)
            if scale != 1 and probabilities[:, vectors].size:
                factors = np.array(size, np.float32) / resized.shape[1:3]
                probabilities[:, vectors] *= factors[:, None, None]
            if total is None:
                total = np.ascontiguousarray(probabilities)
            else:
                total += probabilities
    assert total is not None
    count = len(transforms) * len(scales)
    if count > 1:
        total /= count
    return total


def _undo(transform: D4Transform, planes: NDArray[np.float32], vectors: slice) -> NDArray[np.float32]:
    undone = transform.undo(planes)
    if transform == D4Transform(0, False) or not planes[:, vectors].size:
        return undone
    undone = undone.copy()
    undone[:, vectors] = transform.undo_vectors(planes[:, vectors])
    return undone


def _resize_windows(windows: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    height, width = (max(1, round(scale * side)) for side in windows.shape[1:3])
    return np.stack([cv2.resize(window, (width, height), interpolation=cv2.INTER_LINEAR) for window in windows])


def _resize_probabilities(values: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    height, width = values.shape[-2:]
    if (height, width) == size:
        return values
    rows = interpolation_weights(0, size[0], height / size[0], height, 0, height)
    columns = interpolation_weights(0, size[1], width / size[1], width, 0, width)
    return interpolate(values, rows, columns)
