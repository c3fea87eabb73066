"""Give the things of a film numbers that stay with them from frame to frame."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
from numpy.typing import NDArray

_LEAST_IOU = 0.2  # of a thing with where it was, after the motion of the camera
_PATIENCE = 5  # frames that a thing may be hidden
_LEAST_FRAMES = 3  # in which a thing must be seen to be counted; all of a shorter film
_SIDE = 256  # pixels of the longer side of the frames that the motion is estimated from


class ThingTracker:
    """Follows things by the overlap of their masks.

    The motion of the camera between two frames is estimated as one shift, by phase correlation (Kuglin and Hines,
    1975), and what was seen is shifted by it. Then things of one class are matched, the largest IoU first; as in
    ByteTrack (Zhang et al., ECCV 2022) those that are hidden for some frames are remembered. Others get new numbers.
    In a film that turns or zooms fast, or where things move by more than their size in a frame, numbers are lost.

    Example:
        >>> tracker, frame = ThingTracker(), np.zeros((8, 40, 3), np.uint8)
        >>> mask, numbers = np.zeros((8, 40), np.uint8), np.zeros((8, 40), np.uint16)
        >>> mask[:, 3:12], numbers[:, 3:12] = 1, 4
        >>> int(tracker(frame, mask, numbers).max())
        1
        >>> int(tracker(frame, np.roll(mask, 2, 1), np.roll(numbers, 2, 1)).max())
        1
    """

    def __init__(self) -> None:
        self._last: NDArray[np.int32] | None = None  # number of the thing that was last seen at each pixel
        self._gray: NDArray[np.float32] | None = None
        self._class: dict[int, int] = {}
        self._hidden: dict[int, int] = {}  # frames since a thing was seen
        self._frames: Counter[int] = Counter()
        self._length = 0

    def __call__(
        self, frame: NDArray[np.uint8], mask: NDArray[np.uint8], numbers: NDArray[np.uint16]
    ) -> NDArray[np.int32]:
        """Returns the numbers of the things of the next frame, int32 `[H, W]`, 0 for none.

        Args:
            frame: uint8 `[H, W, 3]`, RGB.
            mask: Class ids, uint8 `[H, W]`.
            numbers: Number of the thing in this frame, uint16 `[H, W]`, each of one class; 0 for none.
        """
        self._length += 1
        before = self._move(frame)
        present, first, areas = np.unique(numbers, return_index=True, return_counts=True)
        classes = {int(n): int(mask.ravel()[i]) for n, i in zip(present, first, strict=True) if n}
        area = dict(zip(present.tolist(), areas.tolist(), strict=True))
        found = self._match(before, numbers, classes, area)
        new = np.zeros(int(present.max()) + 1, np.int32)
        for number, class_id in classes.items():
            new[number] = found.get(number) or len(self._class) + 1
            self._class.setdefault(int(new[number]), class_id)
            self._frames[int(new[number])] += 1
        tracked = new[numbers]
        seen = {*new[new > 0].tolist()}
        self._hidden = {n: age + 1 for n, age in self._hidden.items() if n not in seen and age < _PATIENCE}
        remembered = np.isin(before, [*self._hidden]) & (tracked == 0)
        self._last = np.where(remembered, before, tracked)
        self._hidden |= dict.fromkeys(seen, 0)
        return tracked

    def counts(self) -> Counter[int]:
        """Returns the number of things of each class id that were seen in several frames."""
        least = min(_LEAST_FRAMES, self._length)
        return Counter(self._class[number] for number, frames in self._frames.items() if frames >= least)

    def _move(self, frame: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Returns where things were, shifted by the motion of the camera."""
        height, width = frame.shape[:2]
        factor = min(1.0, _SIDE / max(height, width))
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        gray = small.astype(np.float32)
        earlier, self._gray = self._gray, gray
        if self._last is None or earlier is None:
            return np.zeros((height, width), np.int32)
        if min(size) < 8:  # phase correlation needs some pixels
            return self._last
        window = cv2.createHanningWindow(size, cv2.CV_32F)
        (right, down), response = cv2.phaseCorrelate(earlier, gray, window)
        if response < 0.1:
            return self._last
        return _shift(self._last, round(down * height / size[1]), round(right * width / size[0]))

    def _match(
        self, before: NDArray[np.int32], numbers: NDArray[np.uint16], classes: dict[int, int], area: dict[int, int]
    ) -> dict[int, int]:
        """Returns the earlier number of each thing that was seen before."""
        both = (before > 0) & (numbers > 0)
        pairs, shared = np.unique(np.stack([before[both], numbers[both]]), axis=1, return_counts=True)
        known, known_areas = np.unique(before[before > 0], return_counts=True)
        earlier_area = dict(zip(known.tolist(), known_areas.tolist(), strict=True))
        candidates = [
            (common / (earlier_area[earlier] + area[number] - common), earlier, number)
            for earlier, number, common in zip(*pairs.tolist(), shared.tolist(), strict=True)
            if self._class[earlier] == classes[number]
        ]
        found: dict[int, int] = {}
        for iou, earlier, number in sorted(candidates, reverse=True):
            if iou >= _LEAST_IOU and number not in found and earlier not in found.values():
                found[number] = earlier
        return found


def _shift(values: NDArray[np.int32], down: int, right: int) -> NDArray[np.int32]:
    height, width = values.shape
    shifted = np.zeros_like(values)
    if abs(down) < height and abs(right) < width:
        rows, columns = slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right))
        shifted[rows, columns] = values[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    return shifted
