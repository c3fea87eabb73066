"""Draw the annotations of a photograph as the mask and the instance map that the dataset gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.corrections.agreement import majority
from segdrone.annotations.corrections.target import check_size
from segdrone.annotations.corrections.versions import Version
from segdrone.annotations.orientation import MaskFrame, mask_frame
from segdrone.annotations.photographs import Annotated
from segdrone.annotations.tiles import draw_mask, draw_numbers
from segdrone.classes import ClassTable, thing_classes
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.errors import DataError

Mask = NDArray[np.uint8]
Numbers = NDArray[np.uint16]


def frame_of(version: Version, pair: ImageMaskPair, orientation: str) -> MaskFrame:
    """Returns the frame in which an annotation was drawn.

    Raises:
        DataError: The photograph was annotated at another size.
    """
    check_size(version.image, pair)
    return mask_frame(Annotated(pair.image, version.image, pair.id), orientation)


def draw_version(version: Version, frame: MaskFrame, table: ClassTable, background: str | None) -> Mask:
    """Returns an annotation as a mask of class ids, uint8 `[H, W]`.

    Args:
        version: The annotation.
        frame: Its frame.
        table: The classes, which have all its labels.
        background: Class of pixels that no shape covers; None leaves them ignored.

    Raises:
        DataError: As `draw_mask`.
    """
    fill = table.ignore_index if background is None else table.names.index(background)
    ids = {name: i for i, name in enumerate(table.names)}
    return frame.turn(draw_mask(version.image, frame.size, ids, fill, table.ignore_index))


def number_version(version: Version, frame: MaskFrame, mask: Mask) -> Numbers:
    """Returns the numbers of the things of an annotation, uint16 `[H, W]`, given its mask.

    Raises:
        DataError: As `draw_numbers`.
    """
    size = np.broadcast_to(np.uint8(0), frame.size)  # tiles, of which alone the classes matter, are never turned
    return frame.turn(draw_numbers(version.image, mask if version.image.tiles else size))


def keep_numbers(numbers: Numbers, before: Numbers, kept: NDArray[np.bool_]) -> Numbers:
    """Returns numbers of things with those of an earlier map, counted on, in the pixels that are kept.

    Args:
        numbers: The new map, uint16 `[H, W]`, 0 for no thing.
        before: The earlier map.
        kept: The pixels, bool `[H, W]`.

    Raises:
        DataError: There are more than 65,535 things.
    """
    values, index = np.unique(before[kept], return_inverse=True)
    added = np.cumsum(values > 0) + int(numbers.max(initial=0))
    if added.max(initial=0) > np.iinfo(np.uint16).max:
        raise DataError("has more than 65535 things: correct all of its tiles")
    result = numbers.copy()
    result[kept] = np.where(values > 0, added, 0)[index.ravel()]
    return result


def merge_masks(masks: Sequence[Mask], gaps: Sequence[NDArray[np.bool_] | None], table: ClassTable) -> Mask:
    """Returns the only mask, or what the majority of masks says.

    Args:
        masks: Class ids, uint8 `[H, W]`.
        gaps: Which pixels nobody has seen of each, bool `[H, W]`; None if there are none.
        table: The classes.
    """
    return masks[0] if len(masks) == 1 else majority(masks, table.ignore_index, gaps)


def shows_same_things(before: Numbers, after: Numbers, mask: Mask, table: ClassTable) -> bool:
    """Whether two instance maps, uint16 `[H, W]`, tell the same things of thing classes apart, whatever their numbers.

    Args:
        before: The earlier map.
        after: The new map.
        mask: Class ids, uint8 `[H, W]`.
        table: The classes; without a thing class all are compared.
    """
    things = [table.names.index(name) for name in thing_classes(table)]
    if things:
        shown = np.isin(mask, things)
        before, after = before[shown], after[shown]
    for first, second in ((before, after), (after, before)):
        numbers = np.zeros(1 << 16, np.uint16)
        numbers[first.ravel()] = second.ravel()
        if (numbers[first] != second).any() or ((first == 0) != (second == 0)).any():
            return False
    return True
