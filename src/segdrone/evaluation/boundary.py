"""Find the boundary pixels of each class, for the boundary IoU."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH_SHARE = 0.02
"""Width of the boundary as a share of the image diagonal, as in the authors' code."""


def boundary_width(height: int, width: int) -> int:
    """Returns the width of the boundary in pixels for an image of this size: 1 or more.

    Example:
        >>> boundary_width(4000, 6000)
        144
    """
    return max(1, round(_WIDTH_SHARE * math.hypot(height, width)))


def boundary(mask: NDArray[np.uint8], num_classes: int) -> NDArray[np.bool_]:
    """Marks the inner boundary of every class.

    A pixel is on the boundary if a step of at most `boundary_width` along rows, columns or diagonals leads to
    another class, to an ignored pixel, or out of the image. These are the pixels that an erosion removes from the
    region of each class. One pass marks them for all classes: the neighborhood of a boundary pixel contains more
    than one value.

    Source: Cheng et al., Boundary IoU: Improving Object-Centric Image Segmentation Evaluation, CVPR 2021,
    section 4. The paper has no ignored pixels; here they are never on a boundary.

    Args:
        mask: uint8 `[H, W]`, class ids. Values of `num_classes` and above are ignored.
        num_classes: Number of classes.

    Returns:
        bool `[H, W]`.

    Example:
        >>> mask = np.zeros((5, 6), np.uint8)
        >>> boundary(mask, num_classes=1).astype(int)
        array([[1, 1, 1, 1, 1, 1],
               [1, 0, 0, 0, 0, 1],
               [1, 0, 0, 0, 0, 1],
               [1, 0, 0, 0, 0, 1],
               [1, 1, 1, 1, 1, 1]])
    """
    distance = boundary_width(*mask.shape)
    kernel = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    labeled = mask < num_classes
    between_classes = (cv2.erode(mask, kernel) != cv2.dilate(mask, kernel)) & labeled
    frame = np.zeros_like(labeled)
    frame[:distance], frame[-distance:], frame[:, :distance], frame[:, -distance:] = True, True, True, True
    marked: NDArray[np.bool_] = between_classes | (frame & labeled)
    return marked
