"""Random masks for tests, as hypothesis strategies."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

SIDES = st.integers(1, 14)


def noise(classes: int) -> st.SearchStrategy[NDArray[np.uint8]]:
    """Masks of at most 14 x 14 pixels, each pixel of any class."""
    return arrays(np.uint8, st.tuples(SIDES, SIDES), elements=st.integers(0, classes - 1))


@st.composite
def patchwork(draw: st.DrawFn, classes: int, most: int = 40) -> NDArray[np.uint8]:
    """Masks of overlapping rectangles, of at most `most` pixels a side, without corners as on a chessboard."""
    height, width = draw(st.tuples(st.integers(1, most), st.integers(1, most)))
    mask = np.full((height, width), draw(st.integers(0, classes - 1)), np.uint8)
    for _ in range(draw(st.integers(0, 12))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        bottom, right = draw(st.integers(top + 1, height)), draw(st.integers(left + 1, width))
        mask[top:bottom, left:right] = draw(st.integers(0, classes - 1))
    one, other = mask[:-1, :-1] == mask[1:, 1:], mask[:-1, 1:] == mask[1:, :-1]
    assume(not (one & other & (mask[:-1, :-1] != mask[1:, :-1])).any())
    return mask


def areas(mask: NDArray[np.uint8], class_id: int) -> list[int]:
    """Number of pixels of each 8-connected component of a class."""
    stats = cv2.connectedComponentsWithStats((mask == class_id).view(np.uint8), connectivity=8)[2]
    return [int(area) for area in stats[1:, cv2.CC_STAT_AREA]]
