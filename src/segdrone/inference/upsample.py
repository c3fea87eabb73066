"""Class probabilities at the size the network saw, looked at from the pixels of the photograph."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_AT_ONCE = 1 << 18  # pixels whose probabilities are interpolated together: 24 MB of 23 classes


class InterpolationWeights(NamedTuple):
    """Where pixels along one side lie between those of a window.

    Attributes:
        before: The window's pixel before each, int64 `[N]`.
        after: The one after, which is the same where there is none.
        share: Of the pixel after, float32 `[N]`, 0 to 1.
    """

    before: Tensor
    after: Tensor
    share: Tensor


def interpolation_weights(
    begin: int, end: int, scale: float, length: int, start: int, window: int, device: torch.device
) -> InterpolationWeights:
    """Returns where the pixels `begin` to `end` of a photograph's side lie in a window.

    By the middles of pixels, as OpenCV and torch (`align_corners=False`) resize: pixel `i` lies at
    `(i + 0.5) * scale - 0.5`, and beyond the first and the last middle at these.

    Args:
        begin: The first pixel.
        end: The one after the last.
        scale: Pixels that the network saw, for each pixel of the photograph.
        length: The side that the network saw of the whole, in pixels.
        start: Where the window begins along it.
        window: The window's side in pixels.
        device: Where the result goes.
    """
    at = ((torch.arange(begin, end, dtype=torch.float64) + 0.5) * scale - 0.5).clamp_(0, length - 1)
    before = at.floor()
    index = before.long() - start
    after = (index + 1).clamp_(max=window - 1)
    return InterpolationWeights(index.to(device), after.to(device), (at - before).float().to(device))


def interpolate(values: Tensor, rows: InterpolationWeights, columns: InterpolationWeights) -> Tensor:
    """Returns values, float `[h, w, ...]`, bilinearly interpolated at each row and column: `[H, W, ...]`."""
    extra = (1,) * (values.dim() - 2)
    across = rows.share.view(-1, 1, *extra)
    between = torch.lerp(values[rows.before], values[rows.after], across)
    return torch.lerp(between[:, columns.before], between[:, columns.after], columns.share.view(1, -1, *extra))


class ArgmaxUpsampler:
    """The most probable class of each pixel of a photograph, as if all probabilities were interpolated first.

    They are interpolated only where they must be: between four pixels of one class every pixel is of
    that class too, as a weighted mean keeps the order, and its probability is the mean of the four.

    Args:
        probabilities: Of a window, float `[h, w, C]`.
    """

    def __init__(self, probabilities: Tensor) -> None:
        self._probabilities = probabilities
        self._best, winner = probabilities.max(-1)
        self._winner = winner.byte()
        below, right = _shifted(self._winner, 0), _shifted(self._winner, 1)
        self._settled = (self._winner == below) & (self._winner == right) & (self._winner == _shifted(below, 1))

    def at(self, rows: InterpolationWeights, columns: InterpolationWeights) -> tuple[Tensor, Tensor]:
        """Returns classes, uint8 `[H, W]`, and their probabilities, float `[H, W]`, at each row and column."""
        confidence = interpolate(self._best, rows, columns)
        classes = self._winner[rows.before][:, columns.before]
        unsettled = (~self._settled[rows.before][:, columns.before]).nonzero()
        for y, x in (part.unbind(1) for part in torch.split(unsettled, _AT_ONCE)):
            across, along = columns.share[x, None], rows.share[y, None]
            upper, lower = (
                torch.lerp(
                    self._probabilities[side, columns.before[x]], self._probabilities[side, columns.after[x]], across
                )
                for side in (rows.before[y], rows.after[y])
            )
            confidence[y, x], chosen = torch.lerp(upper, lower, along).max(-1)
            classes[y, x] = chosen.byte()
        return classes, confidence


def _shifted(values: Tensor, side: int) -> Tensor:
    """Each pixel's neighbour below (side 0) or to the right (1); the last has itself."""
    last = values.shape[side] - 1
    return torch.cat([values.narrow(side, min(1, last), max(1, last)), values.narrow(side, last, min(1, last))], side)
