"""Count the pixels of one image that all scores are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.boundary import boundary
from segdrone.raster.pixels import joint_histogram

Mask = NDArray[np.uint8]
Integers = NDArray[np.int64]

CONFIDENCE_LEVELS = 256


class Counts(NamedTuple):
    """Counts of labeled pixels of one image, or of N images along an additional first axis.

    Counts of images can be added up; scores are computed from the sums.

    Attributes:
        confusion: int64 `[C, C]`, rows are the truth, columns the prediction.
        boundary: int64 `[3, C]`, boundary pixels of each class: in both truth and prediction, in the truth, in the
            prediction.
        confidence: int64 `[2, 256]`, pixels at each level of confidence, 0 to 255 for 0 to 1: wrong ones, then
            right ones. All 0 if the confidence is unknown.
    """

    confusion: Integers
    boundary: Integers
    confidence: Integers


def count_image(truth: Mask, prediction: Mask, confidence: Mask | None, table: ClassTable) -> Counts:
    """Counts one image.

    Args:
        truth: True mask, uint8 `[H, W]`, class ids and the ignored id.
        prediction: Predicted mask, uint8 `[H, W]`, class ids; the ignored id exactly where the truth has it.
        confidence: Probability of the predicted class, uint8 `[H, W]`, 0 to 255 for 0 to 1; None if unknown.
        table: The classes.
    """
    classes = len(table)
    true_edge, predicted_edge = boundary(truth, classes), boundary(prediction, classes)
    shared_edge = true_edge & predicted_edge & (truth == prediction)
    on_boundary = [
        joint_histogram(mask, mask, where=edge.view(np.uint8)).diagonal()
        for mask, edge in ((truth, shared_edge), (truth, true_edge), (prediction, predicted_edge))
    ]
    levels = np.zeros((2, CONFIDENCE_LEVELS), np.int64)
    if confidence is not None:
        right, labeled = (truth == prediction).view(np.uint8), (truth != table.ignore_index).view(np.uint8)
        levels = joint_histogram(right, confidence, where=labeled)[:2]
    confusion = joint_histogram(truth, prediction)[:classes, :classes]
    return Counts(confusion, np.stack(on_boundary)[:, :classes], levels)


def stack_counts(counts: Sequence[Counts]) -> Counts:
    """Stacks the counts of several images along a new first axis."""
    return Counts(*(np.stack(parts) for parts in zip(*counts, strict=True)))
