"""Say where the pixels of a raster lie on Earth, as plain data."""

from __future__ import annotations

import logging
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Transform = tuple[float, float, float, float, float, float]
"""`a, b, c, d, e, f` of x = a column + b row + c, y = d column + e row + f, as in `affine.Affine`.

Columns and rows count from the outer corner of the first pixel, whose center is (0.5, 0.5).
"""


_STRETCHED = 1.2  # ratio of the sides of a pixel on the ground: that of degrees at 34 degrees north or south


class Georeference(NamedTuple):
    """Where the pixels of a raster lie.

    Attributes:
        crs: Coordinate system as WKT 2; empty if the file does not say it.
        transform: From columns and rows to coordinates of the system.

    Example:
        >>> place = Georeference("", (0.5, 0.0, 100.0, 0.0, -0.5, 200.0))
        >>> place.coordinates(np.array([[0, 0], [2, 4]])).tolist()
        [[100.0, 200.0], [101.0, 198.0]]
    """

    crs: str
    transform: Transform

    @property
    def is_usable(self) -> bool:
        """Whether the transform gives every pixel a place of its own."""
        a, b, _, d, e, _ = self.transform
        return all(map(math.isfinite, self.transform)) and a * e - b * d != 0

    def coordinates(self, points: NDArray[np.floating | np.integer]) -> NDArray[np.float64]:
        """Returns the coordinates, float64 `[N, 2]`, x and y, of points `[N, 2]`, column and row."""
        a, b, c, d, e, f = self.transform
        columns, rows = points[:, 0].astype(np.float64), points[:, 1].astype(np.float64)
        return np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=1)

    def moved(self, top: int, left: int) -> Georeference:
        """Returns the georeference of a part whose first row and column are `top` and `left`."""
        a, b, c, d, e, f = self.transform
        return self._replace(transform=(a, b, a * left + b * top + c, d, e, d * left + e * top + f))

    def resized(self, down: float, across: float) -> Georeference:
        """Returns the georeference of a copy whose pixels have `down` times the height and `across` times the width."""
        a, b, c, d, e, f = self.transform
        return self._replace(transform=(a * across, b * down, c, d * across, e * down, f))


def tell_stretched(name: str, across: float, down: float) -> None:
    """Warns of a raster whose pixels are no squares on the ground, as those of degrees are not far from the equator.

    Args:
        name: Of the raster.
        across: Meters from one pixel to the next in a row.
        down: Meters from one row to the next.
    """
    if max(across, down) > _STRETCHED * min(across, down):
        log.warning(
            "%s: a pixel covers %.3g cm across and %.3g cm down, so things are stretched for a network: "
            "reproject the map to meters, such as those of UTM (gdalwarp -t_srs EPSG:CODE FILE NEW)",
            name, 100 * across, 100 * down,
        )  # fmt: skip
