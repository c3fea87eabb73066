"""Make connected segments of a map of values, none smaller than a number of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classic.features import Labels
from segdrone.classic.libraries import library


def connected_segments(values: NDArray[np.integer[Any]], min_size: int, *, gaps: int | None = None) -> Labels:
    """Returns the 4-connected components of equal values, numbered from 0; those that are too small go to the nearest.

    Args:
        values: Integers `[H, W]`.
        min_size: Pixels that a segment must have.
        gaps: Value of pixels that are of no segment, and go to the nearest one; None if all are of one.

    Returns:
        int32 `[H, W]`, 0 to S - 1. A map without any segment is a single one.

    Example:
        >>> connected_segments(np.array([[1, 1, 7, 2, 2]]), min_size=2).tolist()
        [[0, 0, 0, 1, 1]]
    """
    shifted = values - (values.min() - 1 if gaps is None else gaps)  # 0 is no segment
    labels = library("skimage.measure").label(shifted, background=0, connectivity=1)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = sizes >= min(min_size, max(1, sizes.max()))
    if not kept.any():
        return np.zeros(values.shape, np.int32)
    number = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    numbered: Labels = number[labels]
    if (numbered >= 0).all():
        return numbered
    nearest = library("scipy.ndimage").distance_transform_edt(numbered < 0, return_distances=False, return_indices=True)
    return np.ascontiguousarray(numbered[tuple(nearest)])
