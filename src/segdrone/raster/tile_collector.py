"""Join the tiles of a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Size


class TileCollector:
    """Joins tiles to one array, for steps that need the whole mask, e.g. clean-up.

    Args:
        size: Height and width in pixels.

    Example:
        >>> collector = TileCollector((2, 4))
        >>> collector.write(0, 2, np.full((2, 2), 1, np.uint8))
        >>> collector.write(0, 0, np.full((2, 2), 5, np.uint8))
        >>> collector.result().tolist()
        [[5, 5, 1, 1], [5, 5, 1, 1]]
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self._values = np.zeros(size, np.uint8)
        self._missing = size[0] * size[1]

    def write(self, top: int, left: int, tile: NDArray[np.uint8]) -> None:
        """Adds a tile, uint8 `[h, w]`, whose first row and column are `top` and `left`.

        Raises:
            ValueError: The tile is not inside the array, or is not uint8 `[h, w]`.
        """
        if tile.dtype != np.uint8 or tile.ndim != 2:
            raise ValueError(f"a tile of {tile.dtype} {list(tile.shape)} is not uint8 [h, w]")
        bottom, right = top + tile.shape[0], left + tile.shape[1]
        if min(top, left) < 0 or bottom > self.size[0] or right > self.size[1]:
            raise ValueError(
                f"a tile of rows {top} to {bottom} and columns {left} to {right} is not inside a mask of "
                f"{self.size[0]} x {self.size[1]} pixels"
            )
        self._values[top:bottom, left:right] = tile
        self._missing -= tile.size

    def result(self) -> NDArray[np.uint8]:
        """Returns the joined array, uint8 `[H, W]`.

        Raises:
            ValueError: The tiles do not cover every pixel once.
        """
        if self._missing:
            raise ValueError(
                f"the tiles do not cover a mask of {self.size[0]} x {self.size[1]} pixels once: {abs(self._missing)} "
                f"pixels are {'missing' if self._missing > 0 else 'written twice'}"
            )
        return self._values
