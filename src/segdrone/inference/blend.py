"""Blend the probabilities of overlapping windows into one mask, tile by tile.

The outer pixels of a window lack context. In the overlap of two windows the first one therefore gives way to the
second in the middle, where both have the same context (the overlap-tile strategy of Ronneberger et al., U-Net, 2015,
section 2), over a short ramp that leaves no seam. A network whose receptive field reaches no further than 3/8 of the
overlap from each pixel gives the same result as on the whole image.

The weights of the windows at each pixel are above 0 and sum to 1, so no division is needed. Only the probabilities on
ramps are kept: those to the next window, and those to the next row of windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.inference.argmax import Argmax, argmax
from segdrone.inference.threads import submit_ahead
from segdrone.inference.upsample import ArgmaxUpsampler, InterpolationWeights, interpolate, interpolation_weights
from segdrone.windows import Size

_RAMP = 4  # an overlap is this many times as long as its ramp
_LONGEST_RAMP = 64  # pixels of the image: ramps are kept over the width of the image, for every class
_TILE = 1 << 18  # pixels of a finished tile


class Segment(NamedTuple):
    """Part of a side: pixels `begin` to `end` of the image, and the window's weights there; None is 1."""

    begin: int
    end: int
    weight: NDArray[np.float32] | None = None


class WindowSpan(NamedTuple):
    """The part of an image's side that a window contributes to.

    Attributes:
        start: First pixel of the window, at the network's scale.
        lead: Ramp shared with the window before; empty for the first window.
        body: Pixels that only this window decides.
        tail: Ramp shared with the window after; empty for the last window.
    """

    start: int
    lead: Segment
    body: Segment
    tail: Segment

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in order, without empty ones."""
        return tuple(segment for segment in (self.lead, self.body, self.tail) if segment.end > segment.begin)


class FinishedTile(NamedTuple):
    """A finished part of a mask.

    Attributes:
        top: First row in the image.
        left: First column in the image.
        classes: Class ids, uint8 `[h, w]`.
        confidence: Probability of the class, float32 `[h, w]`.
    """

    top: int
    left: int
    classes: NDArray[np.uint8]
    confidence: NDArray[np.float32]


def window_spans(length: int, network_length: int, starts: Sequence[int], window: int) -> list[WindowSpan]:
    """Divides a side among the windows along it.

    Args:
        length: Length of the image's side in pixels.
        network_length: Length of the same side at the network's scale.
        starts: First pixel of each window, at the network's scale.
        window: Length of the windows, at the network's scale.
    """
    stride = min((b - a for a, b in pairwise(starts[:-1])), default=window)  # the last window is pulled inside
    ramps = [(0, 0)]
    for before, after in pairwise(starts):
        overlap = before + window - after
        ramp = min(round(min(overlap // _RAMP, stride // 2) * length / network_length), _LONGEST_RAMP)
        begin = max(ramps[-1][1], round((after + overlap / 2) * length / network_length - ramp / 2))
        ramps.append((begin, begin + ramp))
    ramps.append((length, length))
    spans = []
    for start, (lead_begin, lead_end), (tail_begin, tail_end) in zip(starts, ramps[:-1], ramps[1:], strict=True):
        lead = Segment(lead_begin, lead_end, _ramp(lead_end - lead_begin))
        tail = Segment(tail_begin, tail_end, 1 - _ramp(tail_end - tail_begin))
        spans.append(WindowSpan(start, lead, Segment(lead_end, tail_begin), tail))
    return spans


def _ramp(length: int) -> NDArray[np.float32]:
    return np.arange(1, length + 1, dtype=np.float32) / np.float32(length + 1)


class Blender:
    """Takes windows row by row, from left to right, and yields the tiles of the mask as they are finished.

    Args:
        size: Height and width of the image in pixels.
        network_size: Height and width of the image at the network's scale.
        rows: Spans of the windows from top to bottom.
        columns: Spans of the windows from left to right.
        threads: Threads that choose classes; None takes OpenCV's number.
    """

    def __init__(
        self,
        size: Size,
        network_size: Size,
        rows: Sequence[WindowSpan],
        columns: Sequence[WindowSpan],
        threads: int | None = None,
    ) -> None:
        self.size, self.network_size, self.rows, self.columns = size, network_size, rows, columns
        self._threads = threads or max(1, cv2.getNumThreads())
        self._pool = ThreadPoolExecutor(self._threads)  # its threads end with the blender
        self._right: dict[int, NDArray[np.float32]] = {}  # ramps to the next window, by their first row
        self._below: NDArray[np.float32] | None = None  # ramp to the next row of windows, over the image's width

    def add(self, row: int, column: int, probabilities: NDArray[np.float32]) -> Iterator[FinishedTile]:
        """Adds the probabilities of a window, float32 `[C, h, w]`, and yields the tiles that it finishes."""
        window = self._window(probabilities, self.rows[row].start, self.columns[column].start)
        for down, across in product(self.rows[row].segments, self.columns[column].segments):
            if down.weight is None and across.weight is None:
                yield from self._choose(window, down, across)
            else:
                yield from self._blend(window, self.rows[row], self.columns[column], down, across)

    def _window(self, probabilities: NDArray[np.float32], top: int, left: int) -> _Window:
        if self.size == self.network_size:
            return _Window(probabilities, top, left)
        strips = np.array_split(probabilities, self._threads, axis=1)
        best = (np.concatenate(parts) for parts in zip(*self._pool.map(argmax, strips), strict=True))
        return _ResizedWindow(probabilities, top, left, self.size, self.network_size, Argmax(*best))

    def _choose(self, window: _Window, down: Segment, across: Segment) -> Iterator[FinishedTile]:
        """Yields the tile of the pixels that only this window covers."""
        height = max(1, _TILE // (across.end - across.begin))
        tops = range(down.begin, down.end, height)
        segments = [Segment(top, min(top + height, down.end)) for top in tops]
        chosen = submit_ahead(self._pool, lambda rows: window.argmax(rows, across), segments, self._threads)
        for rows, best in chosen:
            yield FinishedTile(rows.begin, across.begin, *best.result())

    def _blend(
        self, window: _Window, rows: WindowSpan, columns: WindowSpan, down: Segment, across: Segment
    ) -> Iterator[FinishedTile]:
        """Adds a window's ramp to those of the windows before; yields a tile if no other window follows there."""
        blended = window.weighted(down, across)
        if across is columns.lead:
            blended += self._right.pop(down.begin)
        if across is columns.tail:
            self._right[down.begin] = blended
            return
        if down is rows.lead and self._below is not None:  # the first row that is added may be any
            blended += self._below[:, : down.end - down.begin, across.begin : across.end]
        if down is rows.tail:
            if self._below is None:
                longest = max(span.tail.end - span.tail.begin for span in self.rows)
                self._below = np.zeros((len(blended), longest, self.size[1]), np.float32)
            self._below[:, : down.end - down.begin, across.begin : across.end] = blended
            return
        yield FinishedTile(down.begin, across.begin, *argmax(blended))


class _Window:
    """Probabilities of a window, float32 `[C, h, w]`, addressed by the pixels of the image."""

    def __init__(self, probabilities: NDArray[np.float32], top: int, left: int) -> None:
        self.probabilities, self.starts = probabilities, (top, left)

    def part(self, down: Segment, across: Segment) -> NDArray[np.float32]:
        """Returns the probabilities of a part of the image, float32 `[C, H, W]`."""
        top, left = self.starts
        return self.probabilities[:, down.begin - top : down.end - top, across.begin - left : across.end - left]

    def argmax(self, down: Segment, across: Segment) -> Argmax:
        """Returns classes and probabilities of a part of the image."""
        return argmax(self.part(down, across))

    def weighted(self, down: Segment, across: Segment) -> NDArray[np.float32]:
        """Returns the probabilities of a part of the image, times the window's weights, float32 `[C, H, W]`."""
        vertical, horizontal = (
            np.ones(1, np.float32) if segment.weight is None else segment.weight for segment in (down, across)
        )
        return self.part(down, across) * (vertical[:, None] * horizontal)


class _ResizedWindow(_Window):
    """Probabilities of a window at the network's scale, addressed by the pixels of the image."""

    def __init__(
        self,
        probabilities: NDArray[np.float32],
        top: int,
        left: int,
        size: Size,
        network_size: Size,
        best: Argmax,
    ) -> None:
        super().__init__(probabilities, top, left)
        self.size, self.network_size = size, network_size
        self._upsampler = ArgmaxUpsampler(probabilities, best)

    def part(self, down: Segment, across: Segment) -> NDArray[np.float32]:
        return interpolate(self.probabilities, self._weights(0, down), self._weights(1, across))

    def argmax(self, down: Segment, across: Segment) -> Argmax:
        return self._upsampler.at(self._weights(0, down), self._weights(1, across))

    def _weights(self, side: int, segment: Segment) -> InterpolationWeights:
        size, network_size, start = self.size[side], self.network_size[side], self.starts[side]
        window = self.probabilities.shape[side + 1]
        scale = network_size / size
        return interpolation_weights(segment.begin, segment.end, scale, network_size, start, window)
