"""Find the regions of a mask that become shapes of a labeling tool, not more of them than it bears."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.export.keyholes import cut_holes
from segdrone.annotations.export.parts import NOTHING, NUMBERS, color_things, count_changed, fill_small, find_parts
from segdrone.annotations.export.runs import Integers, merge_runs
from segdrone.annotations.outlines import Points
from segdrone.geo.trace import RegionTracer
from segdrone.windows import Size

_TRIES = 20
_NO_LIMIT = 1 << 62
_STRICTLY = 1 - 1e-9  # GEOS also removes triangles that are as large as the tolerance: whole steps of pixels


@dataclass(frozen=True)
class Region:
    """A shape to write: pixels of one class, as runs or as outlines.

    Attributes:
        class_id: The class.
        thing: Number of the thing in the instance map; 0 without one.
        pixels: Number of its pixels, before borders are simplified.
        starts: First pixel of each of its runs, as an index into the flattened mask, int64 `[N]`; empty for outlines.
        lengths: Pixels of each run, int64 `[N]`.
        outlines: Outlines without holes, each `[N, 2]`; several only of a thing in parts.
        is_rest: It is all small regions of its class together.
    """

    class_id: int
    thing: int
    pixels: int
    starts: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    lengths: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    outlines: tuple[Points, ...] = ()
    is_rest: bool = False


class Regions(NamedTuple):
    """The shapes of a photograph.

    Attributes:
        size: Height and width.
        shapes: The shapes.
        by_columns: Whether runs go down the columns, in the flattened transposed mask.
        joined: Number of regions that are together one shape per class.
        filled: Number of regions, beyond the most, that got the class of what is around them.
        filled_pixels: Number of their pixels.
        below: Pixels below which regions were joined or filled.
    """

    size: Size
    shapes: list[Region]
    by_columns: bool = False
    joined: int = 0
    filled: int = 0
    filled_pixels: int = 0
    below: int = 0


def mask_regions(
    mask: NDArray[np.uint8],
    numbers: NDArray[np.uint16] | None,
    classes: int,
    most: int = _NO_LIMIT,
    *,
    by_columns: bool = False,
) -> Regions:
    """Returns the regions of a mask as runs of pixels, each of which is in one.

    A region is what is connected over sides and corners, or a thing. Where there are more than `most`, the smallest
    regions are one shape per class together; things stay apart.

    Args:
        mask: Class ids, uint8 `[H, W]`; ids from `classes` on have no label and are in no region.
        numbers: Number of the thing, uint16 `[H, W]`, 0 for none; None if things are not numbered.
        classes: Number of classes.
        most: Most shapes, but one per class and thing at least.
        by_columns: Whether runs go down the columns, as COCO's, or along the rows.

    Example:
        >>> regions = mask_regions(np.array([[3, 3, 7], [7, 7, 255]], np.uint8), None, 8)
        >>> [(shape.class_id, shape.starts.tolist(), shape.lengths.tolist()) for shape in regions.shapes]
        [(3, [0], [2]), (7, [2], [3])]
    """
    size = (mask.shape[0], mask.shape[1])
    if by_columns:
        mask, numbers = np.ascontiguousarray(mask.T), None if numbers is None else np.ascontiguousarray(numbers.T)
    parts = find_parts(mask, numbers, classes, corners=True)
    region_class, is_region = parts.values % NUMBERS, parts.values >= 0
    can_join = is_region & (parts.values < NUMBERS)
    below, joined = 0, np.zeros(len(parts.values), bool)
    if (many := int(is_region.sum())) > most:
        own = max(0, most - (many - int(can_join.sum())) - len(np.unique(region_class[can_join])))
        smallest = np.flatnonzero(can_join)[np.argsort(-parts.pixels[can_join], kind="stable")[own:]]
        joined[smallest] = True
        below = int(parts.pixels[smallest].max(initial=0)) + 1
    target = np.where(joined, len(parts.values) + region_class, np.arange(len(parts.values)))
    target[~is_region] = -1
    of_run = target[parts.region]
    order = np.argsort(of_run, kind="stable")
    order = order[np.searchsorted(of_run[order], 0) :]
    bounds = np.flatnonzero(np.diff(of_run[order], prepend=-1))
    shapes = []
    for runs in np.split(order, bounds[1:]) if len(order) else ():
        starts, lengths = merge_runs(parts.runs.starts[runs], parts.runs.lengths[runs])
        value = int(parts.values[parts.region[runs[0]]])
        shapes.append(
            Region(
                value % NUMBERS, value // NUMBERS, int(lengths.sum()), starts, lengths,
                is_rest=bool(joined[parts.region[runs[0]]]),
            )
        )  # fmt: skip
    return Regions(size, shapes, by_columns, int(joined.sum()) if most else 0, below=below)


def outline_regions(
    mask: NDArray[np.uint8],
    numbers: NDArray[np.uint16] | None,
    classes: int,
    most: int = _NO_LIMIT,
    tolerance: float | None = None,
) -> Regions:
    """Returns the regions of a mask as outlines along the edges of its pixels, which neighbors have in common.

    A region is what is connected over sides, or a thing. Where there are more than `most`, the smallest ones get
    the class of what is around them. Holes are cut open, as `keyholes` says.

    Args:
        mask: As of `mask_regions`.
        numbers: As of `mask_regions`.
        classes: Number of classes.
        most: Most shapes.
        tolerance: Simplify the borders by as much, in pixels, as `geo.simplify` says; None: not.

    Raises:
        ConfigError: Borders are to be simplified, and the extra geo is not installed.
    """
    size, min_area, aim, filled = (mask.shape[0], mask.shape[1]), 0, most, 0
    given, given_numbers = mask, numbers
    for _ in range(_TRIES):
        mask, numbers, count = fill_small(mask, numbers, classes, min_area, corners=False)
        filled += count
        traced = color_things(mask, numbers, classes)
        parts = find_parts(traced, None, NOTHING, corners=False)
        areas = np.sort(parts.pixels[parts.values >= 0])[::-1]
        if len(areas) <= most:
            break
        aim = max(1, aim * 9 // 10)
        min_area = max(min_area, min(int(areas[aim]) + 1, int(areas[0])))
    strict = None if tolerance is None else tolerance * _STRICTLY
    batch = RegionTracer(size, ignore_index=NOTHING, tolerance=strict).add(traced)
    x, y = batch.order & 0xFFFFFFFF, (batch.order >> 32) - 1  # a pixel of the lowest row of each region
    found: dict[tuple[int, int, int], list[int]] = {}
    for i, class_id in enumerate(mask[y, x].tolist()):
        thing = 0 if numbers is None else int(numbers[y[i], x[i]])
        found.setdefault((class_id, thing, 0 if thing else i), []).append(i)
    outlines = cut_holes(batch)
    shapes = [
        Region(class_id, thing, int(batch.pixels[own].sum()), outlines=tuple(outlines[i] for i in own))
        for (class_id, thing, _), own in found.items()
    ]
    changed = count_changed(given, mask, given_numbers, numbers)
    return Regions(size, shapes, False, 0, filled, changed, min_area)
