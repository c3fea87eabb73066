"""What is counted of photographs: whole numbers that add up, and all that scores are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.boundary import boundary

Mask = NDArray[np.uint8]
Integers = NDArray[np.int64]

LEVELS = 256  # of confidence

_AT_ONCE = 1 << 22  # pixels: OpenCV counts in float32, which is exact to 2^24


class Counts(NamedTuple):
    """Labelled pixels of one photograph; of several along a further first axis.

    Args:
        confusion: int64 `[C, C]`, rows are the truth and columns the prediction.
        boundary: int64 `[3, C]`, pixels on the boundary of each class: in truth and prediction, in
            the truth, in the prediction.
        confidence: int64 `[2, 256]`, pixels at each level of confidence, 0 to 255 for 0 to 1: those
            predicted wrong, and right; 0 all over where confidences are not known.
    """

    confusion: Integers
    boundary: Integers
    confidence: Integers


def count_image(truth: Mask, prediction: Mask, confidence: Mask | None, table: ClassTable) -> Counts:
    """Counts a photograph.

    Args:
        truth: uint8 `[H, W]`, class ids and the ignored id.
        prediction: uint8 `[H, W]`, likewise; ignored wherever the truth is, and nowhere else.
        confidence: uint8 `[H, W]`, 0 to 255 for probabilities from 0 to 1, if they are known.
        table: The classes.
    """
    classes = len(table)
    edges = boundary(truth, classes), boundary(prediction, classes)
    shared = edges[0] & edges[1] & (truth == prediction)
    on_boundary = [
        joint_histogram(truth, truth, mask=edge.view(np.uint8)).diagonal() for edge in (shared, edges[0])
    ] + [joint_histogram(prediction, prediction, mask=edges[1].view(np.uint8)).diagonal()]
    levels = np.zeros((2, LEVELS), np.int64)
    if confidence is not None:
        right, known = (truth == prediction).view(np.uint8), (truth != table.ignore_index).view(np.uint8)
        levels = joint_histogram(right, confidence, mask=known)[:2]
    confusion = joint_histogram(truth, prediction)[:classes, :classes]
    return Counts(confusion, np.stack(on_boundary)[:, :classes], levels)


def stack_counts(counts: Sequence[Counts]) -> Counts:
    """Puts the counts of several photographs together, along a first axis."""
    return Counts(*(np.stack(parts) for parts in zip(*counts, strict=True)))


def joint_histogram(first: Mask, second: Mask, mask: Mask | None = None) -> Integers:
    """Returns how often each pair of values occurs, int64 `[256, 256]`, where `mask` is not 0.

    Args:
        first: uint8 `[H, W]`, values of the rows.
        second: uint8 `[H, W]`, values of the columns.
        mask: uint8 `[H, W]`; None counts everywhere.
    """
    total = np.zeros((256, 256), np.int64)
    rows = max(1, _AT_ONCE // first.shape[1])
    for top in range(0, len(first), rows):
        band = slice(top, top + rows)
        within = None if mask is None else mask[band]
        found = cv2.calcHist([first[band], second[band]], [0, 1], within, [256, 256], [0, 256, 0, 256])
        total += found.astype(np.int64)
    return total
