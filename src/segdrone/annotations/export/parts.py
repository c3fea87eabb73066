"""Find the connected regions and the things of a mask, and give small ones to their neighbors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.export.runs import Integers, Runs, find_runs, join_runs
from segdrone.inference.fill import fill_from_nearest

NUMBERS = 256
"""A class and the number of a thing are one value: class + 256 * number."""

NOTHING = 255
"""Value of pixels without a label, while regions are traced."""


class Parts(NamedTuple):
    """Connected regions, and things, of a mask.

    Attributes:
        runs: Runs of the mask.
        region: Region of each run, int64 `[N]`.
        values: Class and number of each region, int64 `[R]`; -1 of pixels without a label.
        pixels: Number of pixels of each region, int64 `[R]`.
    """

    runs: Runs
    region: Integers
    values: Integers
    pixels: Integers


def find_parts(mask: NDArray[np.uint8], numbers: NDArray[np.uint16] | None, classes: int, *, corners: bool) -> Parts:
    """Returns the connected regions of a mask; a thing is one region, whether its parts touch or not.

    Args:
        mask: Class ids, uint8 `[H, W]`; ids from `classes` on have no label.
        numbers: Number of the thing, uint16 `[H, W]`, 0 for none; None if things are not numbered.
        classes: Number of classes.
        corners: Whether pixels that meet at a corner only are connected.
    """
    labels = mask if numbers is None else mask + NUMBERS * numbers.astype(np.int32)
    runs = find_runs(labels)
    index = join_runs(runs, corners=corners)
    values = runs.values.astype(np.int64)
    values[values % NUMBERS >= classes] = -1
    if numbers is not None:
        is_thing = values >= NUMBERS
        index[is_thing] = len(index) + values[is_thing]
        index = np.unique(index, return_inverse=True)[1]
    count = int(index.max(initial=-1)) + 1
    of_region = np.empty(count, np.int64)
    of_region[index] = values
    return Parts(runs, index, of_region, np.bincount(index, runs.lengths, count).astype(np.int64))


def fill_small(
    mask: NDArray[np.uint8], numbers: NDArray[np.uint16] | None, classes: int, min_area: int, *, corners: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint16] | None, int]:
    """Gives regions of fewer than `min_area` pixels the class, and the thing, of the nearest other pixels.

    Args:
        mask: As of `find_parts`.
        numbers: As of `find_parts`.
        classes: Number of classes.
        min_area: Pixels of the smallest region that stays.
        corners: As of `find_parts`.

    Returns:
        Mask and numbers, and how many regions it changed.
    """
    if min_area < 2:
        return mask, numbers, 0
    parts = find_parts(mask, numbers, classes, corners=corners)
    small = (parts.pixels < min_area) & (parts.values >= 0)
    if not small.any():
        return mask, numbers, 0
    count = len(parts.values)
    labels = parts.runs.paint(np.where(parts.values >= 0, np.arange(count), count).astype(np.int32)[parts.region])
    is_small = np.repeat(small[parts.region], parts.runs.lengths).reshape(mask.shape)
    filled = fill_from_nearest(labels, is_small, count)
    is_filled = filled != labels  # nothing grows over areas without a label
    values = parts.values[filled[is_filled]]
    mask = mask.copy()
    mask[is_filled] = values % NUMBERS
    if numbers is not None:
        numbers = numbers.copy()
        numbers[is_filled] = values // NUMBERS
    first = np.unique(parts.region, return_index=True)[1][small]
    return mask, numbers, int(is_filled.ravel()[parts.runs.starts[first]].sum())


def count_changed(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    numbers_before: NDArray[np.uint16] | None,
    numbers_after: NDArray[np.uint16] | None,
) -> int:
    """Returns how many pixels have another class or thing."""
    if before is after:
        return 0
    changed = before != after
    if numbers_before is not None and numbers_after is not None:
        changed |= numbers_before != numbers_after
    return int(np.count_nonzero(changed))


def color_things(mask: NDArray[np.uint8], numbers: NDArray[np.uint16] | None, classes: int) -> NDArray[np.uint8]:
    """Returns a map to trace, uint8 `[H, W]`: touching things of a class have different values."""
    traced = np.where(mask < classes, mask, np.uint8(NOTHING))
    if numbers is None or not numbers.any():
        return traced
    labels = np.where(mask < classes, mask + NUMBERS * numbers.astype(np.int32), -1)
    things, index = np.unique(labels, return_inverse=True)
    index = index.reshape(mask.shape)
    neighbors: dict[int, set[int]] = {}
    for one, other in ((index[1:], index[:-1]), (index[:, 1:], index[:, :-1])):
        touch = one != other
        for a, b in np.unique(np.stack([one[touch], other[touch]], 1), axis=0).tolist():
            neighbors.setdefault(a, set()).add(b)
            neighbors.setdefault(b, set()).add(a)
    colors: dict[int, int] = {}
    free = range(classes, NOTHING)
    for i in np.flatnonzero(things >= NUMBERS).tolist():
        taken = {colors.get(other) for other in neighbors.get(i, ())}
        color = next((color for color in free if color not in taken), None)
        colors[i] = int(things[i]) % NUMBERS if color is None else color  # it touches hundreds of things
    table = np.arange(len(things))
    table[:] = np.where(things < 0, NOTHING, things % NUMBERS)
    for i, color in colors.items():
        table[i] = color
    return table.astype(np.uint8)[index]
