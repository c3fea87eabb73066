"""Simplify the borders between regions, without gaps and overlaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segdrone.geo.libraries import library


def kept_points(mask: NDArray[np.uint8], tolerance: float) -> NDArray[np.bool_]:
    raise NotImplementedError
