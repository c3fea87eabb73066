"""Draw what corrections changed, and where people differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segdrone import figures
from segdrone.classes import ClassTable
from segdrone.windows import Size

MOST = 6
"""Photographs on a sheet."""

_WIDTH = 640  # pixels of a picture
_SMALLEST = 1 / 4  # of each side: what is shown around a small change
_DIFFERENT = (230, 0, 120)  # where people differ

Mask = NDArray[np.uint8]


class Part(NamedTuple):
    """A part of a photograph, downscaled, with masks of it.

    Attributes:
        image: uint8 `[h, w, 3]`, RGB.
        masks: Masks by their titles, uint8 `[h, w]`.
        where: Pixels that differ, bool `[h, w]`.
    """

    image: NDArray[np.uint8]
    masks: Mapping[str, Mask]
    where: NDArray[np.bool_]


def cut_part(image: NDArray[np.uint8], masks: Mapping[str, Mask]) -> Part:
    """Returns the part of a photograph, uint8 `[H, W, 3]`, in which its masks, uint8 `[H, W]`, differ."""
    first, *others = masks.values()
    where = np.logical_or.reduce([mask != first for mask in others])
    window = tuple(_around(np.flatnonzero(where.any(1 - axis)), where.shape[axis]) for axis in (0, 1))
    height, width = (part.stop - part.start for part in window)
    size: Size = (max(1, round(height * min(1, _WIDTH / width))), min(width, _WIDTH))
    shown = {title: _nearest(mask[window], size) for title, mask in masks.items()}
    share = cv2.resize(where[window].astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    area = np.asarray(cv2.resize(image[window], size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    return Part(area, shown, np.asarray(share > 0))


def changes_sheet(parts: Mapping[str, Part], table: ClassTable) -> Figure:
    """Draws photographs with their masks `before` and `after`, and the changed pixels in the colors of their new class.

    Args:
        parts: The part of each photograph that changed, by its name.
        table: The classes.
    """
    rows = []
    for name, part in parts.items():
        before, after = part.masks["before"], part.masks["after"]
        changed = figures.highlight(part.image, figures.colorize(after, table), part.where)
        rows.append(
            [
                (name, part.image),
                ("before", figures.overlay(part.image, before, table)),
                ("after", figures.overlay(part.image, after, table)),
                ("changed", changed),
            ]
        )
    return figures.picture_grid(rows, _present(parts), table)


def differences_sheet(parts: Mapping[str, Part], table: ClassTable) -> Figure:
    """Draws photographs with the mask of each person, and the pixels at which they differ.

    Args:
        parts: The part of each photograph in which they differ, by its name.
        table: The classes.
    """
    rows = []
    for name, part in parts.items():
        colors = np.broadcast_to(np.array(_DIFFERENT, np.uint8), part.image.shape)
        masks = [(person, figures.overlay(part.image, mask, table)) for person, mask in part.masks.items()]
        rows.append([(name, part.image), *masks, ("different", figures.highlight(part.image, colors, part.where))])
    rows.sort(key=len, reverse=True)
    return figures.picture_grid(rows, _present(parts), table)


def _present(parts: Mapping[str, Part]) -> Sequence[int]:
    return sorted({int(i) for part in parts.values() for mask in part.masks.values() for i in np.unique(mask)})


def _nearest(mask: Mask, size: Size) -> Mask:
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _around(changed: NDArray[np.intp], length: int) -> slice:
    """Returns the rows or columns to show: those that changed, and some around them."""
    first, last = (int(changed[0]), int(changed[-1]) + 1) if len(changed) else (0, length)
    shown = min(length, max(round(length * _SMALLEST), round(1.3 * (last - first))))
    start = min(max(0, (first + last - shown) // 2), length - shown)
    return slice(start, start + shown)
