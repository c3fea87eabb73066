"""Prepare a mask for its export: small regions get the class around them, and unsure ones become empty."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.export.formats import MASKS
from segdrone.annotations.export.mask_to_export import MaskToExport
from segdrone.annotations.export.parts import NOTHING, count_changed, fill_small, find_parts
from segdrone.classes import ClassTable
from segdrone.windows import Size, Window


class Prepared(NamedTuple):
    """A mask to export.

    Attributes:
        mask: Class ids, uint8 `[H, W]`; `NOTHING` without a label.
        numbers: Number of the thing, uint16 `[H, W]`, 0 for none; None if things are not numbered.
        filled: Number of small regions that got the class of what is around them.
        filled_pixels: Number of their pixels.
        unsure: Number of regions that became empty.
        unsure_pixels: Number of their pixels.
    """

    mask: NDArray[np.uint8]
    numbers: NDArray[np.uint16] | None
    filled: int = 0
    filled_pixels: int = 0
    unsure: int = 0
    unsure_pixels: int = 0

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.mask.shape[0], self.mask.shape[1]

    def crop(self, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.uint16] | None]:
        """Returns mask and numbers in a window."""
        place = window.rows, window.columns
        numbers = None if self.numbers is None else np.ascontiguousarray(self.numbers[place])
        return np.ascontiguousarray(self.mask[place]), numbers


def prepare(mask: MaskToExport, table: ClassTable, kind: str, min_area: int, min_confidence: float) -> Prepared:
    """Reads a mask, and prepares it as a whole, before it is cut into tiles.

    Args:
        mask: The mask.
        table: Its classes.
        kind: `masks`, whose regions are connected over sides and corners, or `polygons`, over sides.
        min_area: Regions of fewer pixels get the class of what is around them.
        min_confidence: Regions of a lower mean confidence, 0 to 1, become empty.

    Raises:
        DataError: A file cannot be read, or its size differs from that of the mask.
    """
    pixels, corners = mask.read(), kind == MASKS
    pixels = np.where(pixels == table.ignore_index, np.uint8(NOTHING), pixels)
    size = pixels.shape[0], pixels.shape[1]
    numbers = mask.numbers(size)
    filled, filled_numbers, count = fill_small(pixels, numbers, len(table), min_area, corners=corners)
    changed = count_changed(pixels, filled, numbers, filled_numbers)
    prepared = Prepared(filled, filled_numbers, count, changed)
    if not min_confidence:
        return prepared
    return leave_unsure(prepared, mask.read_confidence(size), len(table), min_confidence, corners=corners)


def leave_unsure(
    prepared: Prepared, confidence: NDArray[np.uint8], classes: int, least: float, *, corners: bool
) -> Prepared:
    """Makes regions, and things, of a low mean confidence empty.

    Args:
        prepared: The mask.
        confidence: Probability of each pixel's class, uint8 `[H, W]`, 0 to 255 for 0 to 1.
        classes: Number of classes.
        least: Smallest mean confidence of a region that stays, 0 to 1.
        corners: Whether pixels that meet at a corner only are connected.

    Example:
        >>> mask, confidence = np.array([[0, 0, 1, 1]], np.uint8), np.array([[255, 245, 200, 90]], np.uint8)
        >>> leave_unsure(Prepared(mask, None), confidence, 2, least=0.6, corners=True).mask.tolist()
        [[0, 0, 255, 255]]
    """
    parts = find_parts(prepared.mask, prepared.numbers, classes, corners=corners)
    sums = np.add.reduceat(confidence.reshape(-1), parts.runs.starts, dtype=np.int64)
    means = np.bincount(parts.region, sums, len(parts.values)) / (255 * parts.pixels)
    unsure = (means < least) & (parts.values >= 0)
    is_unsure = np.repeat(unsure[parts.region], parts.runs.lengths).reshape(prepared.size)
    numbers = prepared.numbers
    return prepared._replace(
        mask=np.where(is_unsure, np.uint8(NOTHING), prepared.mask),
        numbers=None if numbers is None else np.where(is_unsure, np.uint16(0), numbers),
        unsure=int(unsure.sum()),
        unsure_pixels=int(parts.pixels[unsure].sum()),
    )
