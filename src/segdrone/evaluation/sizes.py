"""Classes of size of things, by their area in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZES = tuple(side**2 for side in (0, 32, 96, 288, 864))
"""Smallest area in pixels of each class of size. COCO ends at 32² and 96². The sides triple there, and continue to do
so here: at 5 mm per pixel, from a low flight, a car of 4.5 m x 1.8 m has 324,000 pixels, and all cars would have the
same size."""


def size_of(areas: NDArray[np.float64]) -> NDArray[np.int64]:
    """Returns the index in `SIZES` of the class of size of each area in pixels.

    Example:
        >>> size_of(np.array([5.0, 1024.0])).tolist()
        [0, 1]
    """
    return np.digitize(areas, SIZES[1:])
