"""Describe what parts of photographs show, to choose ones that differ."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.inference.predictor import Predictor
from segdrone.raster import ImageSource
from segdrone.selection.cells import CellMeans
from segdrone.selection.scores import scale_window
from segdrone.windows import Window

_CELLS = 1 << 10  # of a photograph, as features are coarse
_THUMBNAIL = (64, 64)
_BLOCKS = 2  # of a thumbnail, along each side


def has_encoder(predictor: Predictor) -> bool:
    """Whether a model gives features of its encoder: an exported or a classical one does not."""
    return hasattr(predictor.backend, "embed")


def encoder_features(predictor: Predictor, source: ImageSource, parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the features of a network's encoder, averaged over parts of a photograph and of length 1.

    Args:
        predictor: A model with an encoder.
        source: The photograph.
        parts: Windows in its pixels, int64 `[K, 4]`: top, left, height, width.

    Returns:
        float64 `[K, D]`.

    Raises:
        DataError: The photograph cannot be read.
    """
    backend: Any = predictor.backend
    resized, cells = predictor.resize(source), None
    for window in predictor.windows(source.size):
        features = backend.embed(resized.read(window)[None])[0]
        if cells is None:
            cells = CellMeans(len(features), resized.size, _CELLS)
        valid = None
        if not source.fully_valid:
            own = scale_window(window, resized.size, source.size)
            valid = source.valid(own, features.shape[1:])
        cells.add(window, features, valid)
    assert cells is not None
    whole = cells.mean(Window(0, 0, *resized.size))
    means = [cells.mean(scale_window(Window(*part), source.size, resized.size)) for part in parts.tolist()]
    found = np.nan_to_num([np.where(np.isnan(mean), whole, mean) for mean in means]).reshape(len(means), -1)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))


def color_features(source: ImageSource, parts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns what can be said of parts of a photograph without an encoder: the classes and colors that they show.

    Pixels without data have the mean color of the others.

    Args:
        source: The photograph.
        parts: Windows in its pixels, int64 `[K, 4]`: top, left, height, width.
        shares: Mean probability of each class, `[K, C]`.

    Returns:
        float64 `[K, C + 24]`: roots of the shares, whose distance is Hellinger's, and mean and standard deviation of
        CIELAB in four quarters, 0 to 1.

    Raises:
        DataError: The photograph cannot be read.

    Example:
        >>> from segdrone.raster import ArraySource
        >>> gray = ArraySource(np.full((8, 8, 3), 128, np.uint8))
        >>> color_features(gray, np.array([[0, 0, 8, 8]]), np.array([[0.25, 0.75]])).shape
        (1, 26)
    """
    colors = []
    for part in parts.tolist():
        thumbnail = source.read(Window(*part), _THUMBNAIL)
        lab = np.asarray(cv2.cvtColor(thumbnail, cv2.COLOR_RGB2LAB), np.float64) / 255
        valid = source.valid(Window(*part), _THUMBNAIL)
        if valid.any():
            lab[~valid] = lab[valid].mean(0)
        side = _THUMBNAIL[0] // _BLOCKS
        blocks = lab.reshape(_BLOCKS, side, _BLOCKS, side, 3)
        colors.append(np.concatenate([blocks.mean((1, 3)).ravel(), blocks.std((1, 3)).ravel()]))
    return np.hstack([np.sqrt(np.maximum(shares, 0)), np.array(colors).reshape(len(parts), 6 * _BLOCKS**2)])
