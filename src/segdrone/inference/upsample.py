"""Interpolate class probabilities at the pixels of a photograph, and choose classes there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.inference.argmax import Argmax, argmax, update_argmax

_BLOCK = 12_000  # pixels whose classes are chosen together, so that they stay in the cache


class InterpolationWeights(NamedTuple):
    """For each pixel along a side of a photograph, its two neighbors in a window and their weights.

    Attributes:
        before: Index in the window of the pixel before, int64 `[N]`, not decreasing.
        after: Index of the pixel after: the next one, or the window's last.
        share: Weight of the pixel after, float32 `[N]`, 0 to 1.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    share: NDArray[np.float32]


def interpolation_weights(
    begin: int, end: int, scale: float, length: int, start: int, window: int
) -> InterpolationWeights:
    """Returns the weights of the pixels `begin` to `end` of a photograph's side in a window.

    Coordinates are those of pixel centers, as in OpenCV and torch (`align_corners=False`): pixel `i` has the
    coordinate `(i + 0.5) * scale - 0.5`, clamped to the first and last center. They are computed in float64: float32,
    as `torch.nn.functional.interpolate` uses, is 1e-5 off at 100 pixels.

    Args:
        begin: First pixel.
        end: End of the pixels, exclusive.
        scale: Length of the side at the network's scale, divided by its length in the photograph.
        length: Length of the side at the network's scale, in pixels.
        start: First pixel of the window, at the network's scale.
        window: Length of the window in pixels.

    Example:
        >>> interpolation_weights(0, 4, scale=0.5, length=2, start=0, window=2).share.tolist()
        [0.0, 0.25, 0.75, 0.0]
    """
    position = ((np.arange(begin, end, dtype=np.float64) + 0.5) * scale - 0.5).clip(0, length - 1)
    before = position.astype(np.int64)
    index = before - start
    return InterpolationWeights(index, np.minimum(index + 1, window - 1), (position - before).astype(np.float32))


def interpolate(
    values: NDArray[np.float32], rows: InterpolationWeights, columns: InterpolationWeights
) -> NDArray[np.float32]:
    """Returns values, float32 `[..., h, w]`, bilinearly interpolated at rows and columns: `[..., H, W]`."""
    first = int(rows.before[0])
    strip = values[..., first : int(rows.after[-1]) + 1, :]
    between = _lerp(strip[..., columns.before], strip[..., columns.after], columns.share)
    return _lerp(between[..., rows.before - first, :], between[..., rows.after - first, :], rows.share[:, None])


def _lerp(lower: NDArray[np.float32], upper: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolates between two arrays; `upper` is overwritten by the result."""
    upper -= lower
    upper *= share
    upper += lower
    return upper


class ArgmaxUpsampler:
    """The most probable class of each pixel of a photograph, as if all probabilities were interpolated first.

    Between four neighbors of one class every pixel is of that class too, since a weighted mean keeps the order, and
    its probability is the mean of the four. Elsewhere, along the borders of classes, all classes are interpolated.

    Args:
        probabilities: Probabilities of a window, float32 `[C, h, w]`.
        best: Their `argmax`; None computes it.
    """

    def __init__(self, probabilities: NDArray[np.float32], best: Argmax | None = None) -> None:
        self._probabilities = np.ascontiguousarray(probabilities)
        self._best = argmax(probabilities) if best is None else best
        classes = self._best.classes
        below, right = _shifted(classes, 0), _shifted(classes, 1)
        self._unsettled = (classes != below) | (classes != right) | (classes != _shifted(below, 1))

    def at(self, rows: InterpolationWeights, columns: InterpolationWeights) -> Argmax:
        """Returns classes and their probabilities at each row and column, `[H, W]`."""
        sources, first, count = np.unique(rows.before, return_index=True, return_counts=True)
        classes = np.repeat(self._best.classes[sources].take(columns.before, 1), count, axis=0)
        confidence = np.empty(classes.shape, np.float32)
        above, below = (
            _lerp(lines.take(columns.before, 1), lines.take(columns.after, 1), columns.share)
            for lines in (self._best.confidence[sources], self._best.confidence[rows.after[first]])
        )
        below -= above
        for upper, change, begin, length in zip(above, below, first, count, strict=True):
            part = confidence[begin : begin + length]
            np.multiply(change, rows.share[begin : begin + length, None], out=part)
            part += upper
        source, column = np.nonzero(self._unsettled[sources].take(columns.before, 1))
        step = max(256, _BLOCK // int(count.max()))
        for begin in range(0, len(source), step):
            batch = slice(begin, begin + step)
            strips = source[batch]
            self._choose(classes, confidence, rows, columns, first[strips], count[strips], column[batch])
        return Argmax(classes, confidence)

    def _choose(
        self,
        classes: NDArray[np.uint8],
        confidence: NDArray[np.float32],
        rows: InterpolationWeights,
        columns: InterpolationWeights,
        first: NDArray[np.int64],
        count: NDArray[np.int64],
        column: NDArray[np.int64],
    ) -> None:
        """Interpolates all classes at N pairs of a strip, i.e. the rows between two rows of the window, and a column.

        Args:
            classes: Written to at these pixels.
            confidence: Written to at these pixels.
            rows: All rows.
            columns: All columns.
            first: First row of each strip, int64 `[N]`.
            count: Number of rows of each strip, int64 `[N]`.
            column: The columns, int64 `[N]`.
        """
        planes = self._probabilities.reshape(len(self._probabilities), -1)
        width = self._probabilities.shape[2]
        left, right, across = columns.before[column], columns.after[column], columns.share[column]
        above, below = rows.before[first] * width, rows.after[first] * width
        upper = _lerp(planes.take(above + left, 1), planes.take(above + right, 1), across)
        change = _lerp(planes.take(below + left, 1), planes.take(below + right, 1), across)
        change -= upper
        # In strips with fewer rows than the largest one, the last row is computed several times.
        row = first + np.minimum(np.arange(count.max())[:, None], count - 1)
        down = rows.share[row]
        best = change[0] * down + upper[0]
        chosen, plane, greater = np.zeros(row.shape, np.uint8), np.empty_like(best), np.empty(row.shape, np.bool_)
        for class_id in range(1, len(planes)):
            np.multiply(change[class_id], down, out=plane)
            plane += upper[class_id]
            update_argmax(chosen, best, plane, class_id, greater)
        target = row * classes.shape[1] + column
        classes.reshape(-1)[target] = chosen
        confidence.reshape(-1)[target] = best


def _shifted(values: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Returns each pixel's neighbor below (side 0) or to the right (1); the last row or column has itself."""
    length = values.shape[side]
    shifted: NDArray[np.uint8] = values.take(np.minimum(np.arange(1, length + 1), length - 1), side)
    return shifted
