"""Compare what an exported file computes with its checkpoint, on noise, before it counts as written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import CheckpointError
from segdrone.runtime.description import Signature
from segdrone.windows import Size

_SIZES: tuple[Size, ...] = ((61, 97), (128, 33))  # odd ones: every size that the network rounds or pads is tried
_TOLERANCE = 1e-3  # of probabilities in float32


def trial_windows(signature: Signature) -> list[NDArray[np.uint8]]:
    """Returns noise to try a graph on, each uint8 `[1, h, w, 3]`: its one size, or two sizes."""
    sizes = _SIZES if signature.window is None else (signature.window,)
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (1, *size, 3), np.uint8) for size in sizes]


def check_difference(path: Path, checkpoint: Path, difference: float) -> None:
    """Checks the largest difference of a file's probabilities from those of its checkpoint.

    Raises:
        CheckpointError: It is larger than rounding.
    """
    if not difference <= _TOLERANCE:
        raise CheckpointError(
            f"{path.name} computes other probabilities than {checkpoint} (up to {difference:.3g} apart): give another "
            "format"
        )
