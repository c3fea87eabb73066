"""Say what a prediction is: classes, how sure they are, and what tells things apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.inference.grouping import Planes


class Prediction(NamedTuple):
    """A predicted mask.

    Attributes:
        mask: Class ids, uint8 `[H, W]`, at the image's own size; the ignored id where the image has no data.
        confidence: Probability of the class, uint8 `[H, W]`, 0 to 255 for 0 to 1; 0 where the image has no data. None
            if not requested.
        planes: Output of the instance head, for `group_things`; None if not requested, or the model has none.
        numbers: Number of the thing at each pixel, uint16 `[H, W]`, 0 for none; None if things are not told apart.
    """

    mask: NDArray[np.uint8]
    confidence: NDArray[np.uint8] | None
    planes: Planes | None = None
    numbers: NDArray[np.uint16] | None = None
