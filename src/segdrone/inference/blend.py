"""Join the probabilities of overlapping windows into one mask, strip by strip.

A window's outer pixels lack what lies around them. So in the overlap of two windows the one gives
way to the other in the middle, where both see equally far (the overlap-tile strategy of Ronneberger
et al., U-Net, 2015, section 2), over a short ramp, so that no seam shows. A network that looks no
further than 3/8 of the overlap from each pixel gives the same as if it saw the photograph whole.

Weights of the windows over a pixel are above 0 and add up to 1, so nothing is divided, and what is
kept are the probabilities on the ramps: to the next window, and to the next row of windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise, product
from typing import NamedTuple

import torch
from torch import Tensor

from segdrone.inference.upsample import ArgmaxUpsampler, InterpolationWeights, interpolate, interpolation_weights

_RAMP = 4  # the ramp is this part of an overlap
_LONGEST_RAMP = 64  # pixels of the photograph: what is kept of it is as wide as the photograph, for every class
_AT_ONCE = 1 << 19  # pixels that are decided together


class Segment(NamedTuple):
    """Part of a side: `begin` to `end` in the photograph's pixels, and the window's weight there if not 1."""

    begin: int
    end: int
    weight: Tensor | None = None


class WindowSpan(NamedTuple):
    """Where along one side a window counts.

    Attributes:
        start: The window's first pixel, of those that the network sees.
        lead: The ramp it shares with the window before; empty for the first.
        body: What it alone decides.
        tail: The ramp it shares with the window after; empty for the last.
    """

    start: int
    lead: Segment
    body: Segment
    tail: Segment

    @property
    def pieces(self) -> tuple[Segment, ...]:
        """The parts in order that have any pixels."""
        return tuple(piece for piece in (self.lead, self.body, self.tail) if piece.end > piece.begin)


class FinishedTile(NamedTuple):
    """A finished part of a mask: its place, classes uint8 `[h, w]`, probabilities float `[h, w]`."""

    top: int
    left: int
    classes: Tensor
    confidence: Tensor


def window_spans(length: int, seen: int, starts: Sequence[int], window: int) -> list[WindowSpan]:
    """Shares a side among the windows along it.

    Args:
        length: The photograph's side in pixels.
        seen: The same side as the network sees it.
        starts: Where windows begin, in pixels that the network sees.
        window: Their length, likewise.
    """
    stride = min((b - a for a, b in pairwise(starts[:-1])), default=window)  # the last is pulled inside
    ramps = [(0, 0)]
    for before, after in pairwise(starts):
        overlap = before + window - after
        ramp = min(round(min(overlap // _RAMP, stride // 2) * length / seen), _LONGEST_RAMP)
        begin = max(ramps[-1][1], round((after + overlap / 2) * length / seen - ramp / 2))
        ramps.append((begin, begin + ramp))
    ramps.append((length, length))
    found = []
    for start, (lead_begin, lead_end), (tail_begin, tail_end) in zip(starts, ramps[:-1], ramps[1:], strict=True):
        rise = _ramp(lead_end - lead_begin)
        fall = 1 - _ramp(tail_end - tail_begin)
        lead, tail = Segment(lead_begin, lead_end, rise), Segment(tail_begin, tail_end, fall)
        found.append(WindowSpan(start, lead, Segment(lead_end, tail_begin), tail))
    return found


def _ramp(length: int) -> Tensor:
    return torch.arange(1, length + 1) / (length + 1)


class Blender:
    """Takes windows row by row, from left to right, and gives the mask's parts as they are finished.

    Args:
        size: Height and width of the photograph in pixels.
        seen: Height and width that the network sees of it.
        rows: The windows' reaches from top to bottom.
        columns: Their reaches from left to right.
    """

    def __init__(
        self, size: tuple[int, int], seen: tuple[int, int], rows: Sequence[WindowSpan], columns: Sequence[WindowSpan]
    ) -> None:
        self.size, self.seen, self.rows, self.columns = size, seen, rows, columns
        self._right: dict[int, Tensor] = {}  # probabilities on the ramp to the next window, by their first row
        self._below: Tensor | None = None  # and on the ramp to the next row of windows

    def add(self, row: int, column: int, probabilities: Tensor) -> Iterator[FinishedTile]:
        """Adds a window's probabilities, float `[h, w, C]`, and yields what is finished by it."""
        view = _WindowView(probabilities, self.rows[row].start, self.columns[column].start, self.size, self.seen)
        for down, across in product(self.rows[row].pieces, self.columns[column].pieces):
            if down.weight is None and across.weight is None:
                height = max(1, _AT_ONCE // (across.end - across.begin))
                for begin in range(down.begin, down.end, height):
                    part = Segment(begin, min(begin + height, down.end))
                    yield FinishedTile(begin, across.begin, *view.decided(part, across))
            else:
                yield from self._blend(view, self.rows[row], self.columns[column], down, across)

    def _blend(
        self, view: _WindowView, rows: WindowSpan, columns: WindowSpan, down: Segment, across: Segment
    ) -> Iterator[FinishedTile]:
        """Adds to what the windows before have given, and decides where no other comes after."""
        mixed = view.weighted(down, across)
        if across is columns.lead:
            mixed += self._right.pop(down.begin)
        if across is columns.tail:
            self._right[down.begin] = mixed
            return
        if down is rows.lead:
            assert self._below is not None
            mixed += self._below[: down.end - down.begin, across.begin : across.end]
        if down is rows.tail:
            below = self._below_rows(mixed)
            below[: down.end - down.begin, across.begin : across.end] = mixed
            return
        confidence, winner = mixed.max(-1)
        yield FinishedTile(down.begin, across.begin, winner.byte(), confidence)

    def _below_rows(self, like: Tensor) -> Tensor:
        if self._below is None:
            most = max(reach.tail.end - reach.tail.begin for reach in self.rows)
            self._below = like.new_empty(most, self.size[1], like.shape[-1])
        return self._below


class _WindowView:
    """A window's probabilities, by the photograph's pixels."""

    def __init__(
        self, probabilities: Tensor, top: int, left: int, size: tuple[int, int], seen: tuple[int, int]
    ) -> None:
        self.probabilities, self.starts, self.size, self.seen = probabilities, (top, left), size, seen

    def weighted(self, down: Segment, across: Segment) -> Tensor:
        """Returns the probabilities of a part by the window's weights, float `[H, W, C]`."""
        if self.size == self.seen:
            part = self._part(down, across)
        else:
            part = interpolate(self.probabilities, self._places(0, down), self._places(1, across))
        weights = [torch.ones(()) if piece.weight is None else piece.weight for piece in (down, across)]
        return part * (weights[0].view(-1, 1, 1) * weights[1].view(1, -1, 1)).to(part)

    def decided(self, down: Segment, across: Segment) -> tuple[Tensor, Tensor]:
        """Returns the classes of a part, uint8 `[H, W]`, and their probabilities."""
        if self.size == self.seen:
            confidence, winner = self._part(down, across).max(-1)
            return winner.byte(), confidence
        return self._winners.at(self._places(0, down), self._places(1, across))

    @cached_property
    def _winners(self) -> ArgmaxUpsampler:
        return ArgmaxUpsampler(self.probabilities)

    def _part(self, down: Segment, across: Segment) -> Tensor:
        (top, left), (rows, columns) = self.starts, (down[:2], across[:2])
        return self.probabilities[rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]

    def _places(self, side: int, piece: Segment) -> InterpolationWeights:
        size, seen, start = self.size[side], self.seen[side], self.starts[side]
        window, device = self.probabilities.shape[side], self.probabilities.device
        return interpolation_weights(piece.begin, piece.end, seen / size, seen, start, window, device)
