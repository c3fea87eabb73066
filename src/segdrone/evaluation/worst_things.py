"""Keep pictures of the things that were split or merged worst, of photographs that are scored one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.evaluation.overlaps import Segments
from segdrone.evaluation.thing_errors import ThingError
from segdrone.windows import Window

MAX_SIDE = 400
"""Pixels: larger parts of a photograph are downscaled to this before they are kept."""
_MARGIN = 0.2  # of the longer side of the things, around them
_LEAST_MARGIN = 12  # pixels
_Rank = tuple[int, str, int, int]


class ThingCrop(NamedTuple):
    """The part of a photograph with things that were split or merged.

    Attributes:
        name: Id of the photograph.
        error: What was split or merged.
        image: The photograph there, uint8 `[h, w, 3]`, RGB, at most `MAX_SIDE` wide and high; None if there are only
            masks.
        truth: Numbers of the true things of its class, uint16 `[h, w]`, 0 for none.
        prediction: Those of the predicted things.
    """

    name: str
    error: ThingError
    image: NDArray[np.uint8] | None
    truth: NDArray[np.uint16]
    prediction: NDArray[np.uint16]


class WorstThings:
    """Keeps the things of a set of photographs that were split or merged worst.

    Worst is where most pixels are wrong (`ThingError.wrong`). What is kept does not depend on the order of the
    photographs, nor on which process had which. Each takes at most 1.1 MB.

    Args:
        limit: How many of the split and how many of the merged ones are kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: dict[str, dict[_Rank, ThingCrop]] = {"split": {}, "merged": {}}  # worst first

    def update(
        self,
        name: str,
        errors: Iterable[ThingError],
        truth: Segments,
        prediction: Segments,
        read_image: Callable[[], NDArray[np.uint8]] | None,
    ) -> None:
        """Adds the errors of a photograph, which is only read if one of them is kept.

        Args:
            name: Id of the photograph.
            errors: What `find_thing_errors` returned.
            truth: Its true segments.
            prediction: Its predicted segments.
            read_image: As in `EvalSample`.
        """
        for error in sorted(errors, key=lambda error: _rank(name, error)):
            kept = [*self._kept[error.kind]]
            if len(kept) < self.limit or (kept and _rank(name, error) < kept[-1]):
                self.merge([_cut(name, error, truth, prediction, read_image)])

    def merge(self, crops: Iterable[ThingCrop]) -> None:
        """Adds pictures, such as those that other processes have kept; none is kept twice."""
        for crop in crops:
            kept = {**self._kept[crop.error.kind], _rank(crop.name, crop.error): crop}
            self._kept[crop.error.kind] = dict(sorted(kept.items(), key=lambda item: item[0])[: self.limit])

    def worst(self) -> list[ThingCrop]:
        """Returns the pictures, of split things first, each worst first."""
        return [crop for kept in self._kept.values() for crop in kept.values()]


def _rank(name: str, error: ThingError) -> _Rank:
    return -error.wrong, name, error.class_id, error.one


def _cut(
    name: str,
    error: ThingError,
    truth: Segments,
    prediction: Segments,
    read_image: Callable[[], NDArray[np.uint8]] | None,
) -> ThingCrop:
    """Cuts the things of an error out of a photograph, with a margin."""
    one, several = (truth, prediction) if error.kind == "split" else (prediction, truth)
    boxes = [_box(one, error.class_id, (error.one,)), _box(several, error.class_id, error.several)]
    window = _around(boxes, truth.mask.shape)
    height, width = window.height, window.width
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    part = window.rows, window.columns
    image = None
    if read_image is not None:
        image = np.asarray(cv2.resize(read_image()[part], size, interpolation=cv2.INTER_AREA), np.uint8)
    numbers = [
        np.asarray(cv2.resize(_numbers(side, error.class_id, part), size, interpolation=cv2.INTER_NEAREST), np.uint16)
        for side in (truth, prediction)
    ]
    return ThingCrop(name, error, image, *numbers)


def _numbers(segments: Segments, class_id: int, part: tuple[slice, slice]) -> NDArray[np.uint16]:
    return np.where(segments.mask[part] == class_id, segments.instances[part], np.uint16(0))


def _box(segments: Segments, class_id: int, numbers: tuple[int, ...]) -> Window:
    """Returns the bounding box of some things of a class."""
    chosen = np.zeros(1 << 16, bool)
    chosen[list(numbers)] = True
    things = (segments.mask == class_id).view(np.uint8)
    left, top, width, height = cv2.boundingRect(things)
    inner = chosen[segments.instances[top : top + height, left : left + width]]
    inner &= things[top : top + height, left : left + width].view(bool)
    x, y, width, height = cv2.boundingRect(inner.view(np.uint8))
    return Window(top + y, left + x, height, width)


def _around(boxes: list[Window], shape: tuple[int, ...]) -> Window:
    """Returns a window around boxes, with a margin, inside the image."""
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom, right = max(box.rows.stop for box in boxes), max(box.columns.stop for box in boxes)
    margin = max(_LEAST_MARGIN, round(_MARGIN * max(bottom - top, right - left)))
    top, left = max(0, top - margin), max(0, left - margin)
    return Window(top, left, min(shape[0], bottom + margin) - top, min(shape[1], right + margin) - left)
