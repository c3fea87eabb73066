"""Which pixels lie on the boundary of their class."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

_SHARE = 0.02
"""Width of the boundary as a part of the photograph's diagonal, as in the authors' code."""


def boundary_width(height: int, width: int) -> int:
    """Returns how many pixels wide the boundary is in a photograph of this size: at least 1."""
    return max(1, round(_SHARE * math.hypot(height, width)))


def boundary(mask: NDArray[np.uint8], classes: int) -> NDArray[np.bool_]:
    """Returns which pixels lie on the inner boundary of their class: bool `[H, W]`.

    They are those from which a step of at most `boundary_width` along rows, columns or diagonals leads
    to another class, to an ignored pixel or out of the photograph: what an erosion takes away from each
    class's region. One pass finds them for all classes, as pixels whose neighbourhood holds several.

    Source: Cheng et al., Boundary IoU: Improving Object-Centric Image Segmentation Evaluation, CVPR 2021,
    section 4; ignored pixels, which it does not speak of, are on no boundary.

    Args:
        mask: uint8 `[H, W]`, class ids; anything from `classes` up is ignored.
        classes: Number of classes.
    """
    distance = boundary_width(*mask.shape)
    square = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    found = (cv2.erode(mask, square) != cv2.dilate(mask, square)) & (mask < classes)
    edge = np.zeros_like(found)
    edge[:distance], edge[-distance:], edge[:, :distance], edge[:, -distance:] = True, True, True, True
    result: NDArray[np.bool_] = found | (edge & (mask < classes))
    return result
