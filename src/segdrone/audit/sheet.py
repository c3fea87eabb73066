"""Draw the most doubtful regions: each outlined in its photograph, beside the labels there."""

from __future__ import annotations

from collections import defaultdict

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segdrone import figures
from segdrone.audit.regions import Region, find_regions
from segdrone.audit.run import Audit
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.inspection.draw_sheet import SheetBlock, draw_sheet
from segdrone.raster.decode import read_image
from segdrone.windows import Window

_SIDE = 230  # pixels of the longer side of a picture
_MARGIN = 0.35  # around a region, as a share of its longer side
_LEAST_MARGIN = 1 / 25  # of the photograph's longer side: what surrounds small regions


def draw_first(found: Audit, count: int) -> Figure:
    """Draws the first regions, each outlined in its photograph, beside its labels, with a legend.

    Args:
        found: The regions.
        count: How many to draw; all if there are fewer.

    Raises:
        DataError: A photograph or a mask cannot be read.
    """
    first = range(min(count, len(found.labels)))
    blocks: dict[int, SheetBlock] = {}
    for photograph in dict.fromkeys(found.photographs[list(first)].tolist()):
        for i, block in _draw_photograph(found, photograph, [i for i in first if found.photographs[i] == photograph]):
            blocks[i] = block
    title = f"The first {len(blocks)} of {len(found.labels)} regions: class given, class suggested"
    return draw_sheet([blocks[i] for i in first], found.table, title, stacked=False)


def _draw_photograph(found: Audit, photograph: int, chosen: list[int]) -> list[tuple[int, SheetBlock]]:
    """Returns the blocks of some regions of one photograph."""
    pair, table, suggested = found.pairs[photograph], found.table, found.suggested
    mask, image = read_pair_mask(pair, found.encoding), read_image(pair.image, channels=pair.channels)
    numbers = found.things.read(pair.id, pair.size) if found.things else None
    places: defaultdict[tuple[int, Window, int], list[int]] = defaultdict(list)  # things may have one box and area
    for i in chosen:
        places[int(found.labels[i]), found.window(i), int(found.areas[i])].append(i)
    blocks = []
    for region in find_regions(mask, table, int(found.areas[chosen].min()), numbers):
        if left := places.get((region.class_id, region.window, region.area)):
            i = left.pop(0)
            title = f"{i + 1}: {pair.id}: {table.names[region.class_id]}, {table.names[suggested[i]]}"
            blocks.append((i, SheetBlock(title, [_crop(image, mask, region)])))
    return blocks


def _crop(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], region: Region
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Returns the outlined region in its photograph, and the labels there, both `_SIDE` wide or high."""
    window = _around(region.window, mask.shape)
    factor = _SIDE / max(window[2:])
    size = max(1, round(window.width * factor)), max(1, round(window.height * factor))
    number = np.zeros(window[2:], np.uint8)
    top, left = region.window.top - window.top, region.window.left - window.left
    number[top : top + region.window.height, left : left + region.window.width] = region.pixels
    smooth = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    picture = np.asarray(cv2.resize(image[window.rows, window.columns], size, interpolation=smooth), np.uint8)
    labels, numbers = (
        np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        for values in (mask[window.rows, window.columns], number)
    )
    return figures.outline_things(picture, numbers.astype(np.uint16), [1]), labels


def _around(window: Window, shape: tuple[int, ...]) -> Window:
    """Returns a square around a window with a margin, less what is outside of the image."""
    longer = max(window[2:])
    side = round(longer + 2 * max(_LEAST_MARGIN * max(shape), _MARGIN * longer))
    top, left = (start + length // 2 - side // 2 for start, length in zip(window[:2], window[2:], strict=True))
    bottom, right = min(shape[0], top + side), min(shape[1], left + side)
    top, left = max(0, top), max(0, left)
    return Window(top, left, bottom - top, right - left)
