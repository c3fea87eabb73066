"""Measure how sure a prediction is and how its mask is divided, for monitoring."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.inference.image_statistics import reduction
from segdrone.raster.pixels import resize_mask

PREDICTION_STATISTICS = {
    "low_confidence": "confidence of the least certain 10 %",
    "unsure": "share of pixels with a confidence below 0.5",
    "entropy": "entropy of the confidence",
    "border_length": "length of class borders",
    "regions": "number of regions",
    "region_size": "median size of a region",
}
"""What `prediction_statistics` measures beside the confidence of each class, in words."""

_LEVELS = 256
_DIVIDED_PIXELS = 250_000  # of the mask whose borders and regions are counted: about what networks see
_SMALLEST = 1e-4  # share of the photograph: smaller regions are specks


def prediction_statistics(
    mask: NDArray[np.uint8], confidence: NDArray[np.uint8], table: ClassTable
) -> dict[str, float]:
    """Measures a prediction.

    | statistic          | what it is                                                                          |
    |--------------------|-------------------------------------------------------------------------------------|
    | `low_confidence`   | 10 % quantile of the confidence                                                     |
    | `unsure`           | share of pixels with a confidence below 0.5                                         |
    | `entropy`          | mean binary entropy of the confidence, in bits, 0 to 1                              |
    | `border_length`    | length of the borders between classes, in units of the root of the photograph's area|
    | `regions`          | number of 4-connected regions of one class, of at least 0.01 % of the photograph    |
    | `region_size`      | their median size, as a share of the photograph                                     |
    | `confidence_CLASS` | mean confidence of the pixels of a class; missing if the mask does not have it      |

    Pixels without data do not count. Borders and regions are those of a copy of at most 250,000 pixels, so that they
    do not depend on the resolution of the camera.

    Args:
        mask: Class ids, uint8 `[H, W]`.
        confidence: Probability of the class, uint8 `[H, W]`, 0 to 255 for 0 to 1.
        table: The classes.

    Returns:
        Finite values; empty if no pixel has data.

    Example:
        >>> table = ClassTable(names=("road", "grass"), colours=((90, 90, 90), (10, 180, 60)))
        >>> values = prediction_statistics(np.array([[0, 1]], np.uint8), np.array([[255, 51]], np.uint8), table)
        >>> values["unsure"], values["confidence_road"], values["confidence_grass"]
        (0.5, 1.0, 0.2)
    """
    step = reduction(mask.shape)
    if step > 1:
        size = max(1, mask.shape[0] // step), max(1, mask.shape[1] // step)
        mask, confidence = resize_mask(mask, size), resize_mask(confidence, size)
    pairs = cv2.calcHist([mask, confidence], [0, 1], None, [_LEVELS, _LEVELS], [0, _LEVELS, 0, _LEVELS])
    counts = pairs[: len(table)].astype(np.float64)  # exact, as there are fewer than 2^24 pixels
    levels, probability = counts.sum(0), np.arange(_LEVELS) / (_LEVELS - 1)
    pixels = levels.sum()
    if not pixels:
        return {}
    means = {
        f"confidence_{name}": float(row @ probability / row.sum())
        for name, row in zip(table.names, counts, strict=True)
        if row.any()
    }
    return {
        "low_confidence": float(probability[np.searchsorted(levels.cumsum(), 0.1 * pixels)]),
        "unsure": float(levels[probability < 0.5].sum() / pixels),
        "entropy": float(levels @ _entropy(probability) / pixels),
        **_division(mask, table),
        **means,
    }


def _entropy(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the binary entropy in bits."""
    inside = np.clip(probability, 1e-12, 1 - 1e-12)
    return -inside * np.log2(inside) - (1 - inside) * np.log2(1 - inside)


def _division(mask: NDArray[np.uint8], table: ClassTable) -> dict[str, float]:
    factor = math.sqrt(_DIVIDED_PIXELS / mask.size)
    if factor < 1:
        mask = resize_mask(mask, (max(1, round(mask.shape[0] * factor)), max(1, round(mask.shape[1] * factor))))
    valid = mask != table.ignore_index
    area = max(1, int(valid.sum()))
    border = sum(
        int(((first != second) & both).sum())
        for first, second, both in (
            (mask[1:], mask[:-1], valid[1:] & valid[:-1]),
            (mask[:, 1:], mask[:, :-1], valid[:, 1:] & valid[:, :-1]),
        )
    )
    sizes = _region_sizes(mask, valid)
    sizes = sizes[sizes >= _SMALLEST * area]
    return {
        "border_length": border / math.sqrt(area),
        "regions": float(len(sizes)),
        "region_size": float(np.median(sizes) / area) if len(sizes) else 0.0,
    }


def _region_sizes(mask: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Returns the number of pixels of each 4-connected region of one class, of all classes in one pass.

    OpenCV joins pixels that are not 0. So pixels stand at the even places of a larger image, and between two neighbors
    stands another one if they have the same class.
    """
    height, width = mask.shape
    joined = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    joined[::2, ::2] = valid
    joined[1::2, ::2] = (mask[1:] == mask[:-1]) & valid[1:]
    joined[::2, 1::2] = (mask[:, 1:] == mask[:, :-1]) & valid[:, 1:]
    _, labels = cv2.connectedComponents(joined, connectivity=4)
    return np.bincount(labels[::2, ::2].ravel())[1:]
