from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from segdrone.inference.blend import Blender, WindowSpan, window_spans
from segdrone.windows import even_stride, grid


@st.composite
def sides(draw: st.DrawFn) -> tuple[int, int, list[WindowSpan], int]:
    """A side in the photograph's and in seen pixels, the reaches of its windows, and their length."""
    window, seen = draw(st.integers(4, 60)), draw(st.integers(4, 300))
    window = min(window, seen)
    overlap = draw(st.integers(2, window - 1))
    length = max(1, round(seen / draw(st.sampled_from([1.0, 0.2, 0.5, 0.9, 1.7]))))
    stride = even_stride(seen, window, overlap, draw(st.sampled_from([1, 8])))
    starts = [place.left for place in grid((1, seen), (1, window), (1, stride))]
    return length, seen, window_spans(length, seen, starts, window), window


@given(sides())
def test_weights_over_every_pixel_are_positive_and_add_up_to_one(case: tuple[int, int, list[WindowSpan], int]) -> None:
    length, _, found, _ = case
    total = torch.zeros(length)
    for reach in found:
        for piece in reach.pieces:
            weight = torch.ones(piece.end - piece.begin) if piece.weight is None else piece.weight
            assert (weight > 0).all()
            total[piece.begin : piece.end] += weight
    torch.testing.assert_close(total, torch.ones(length))


@given(sides())
def test_windows_count_only_where_they_look_and_away_from_their_edges(
    case: tuple[int, int, list[WindowSpan], int],
) -> None:
    length, seen, found, window = case
    for before, after in pairwise(found):
        assert (before.tail.begin, before.tail.end) == (after.lead.begin, after.lead.end)
        overlap = before.start + window - after.start
        edges = (after.start, before.start + window)  # what each sees least of
        first, last = (i * seen / length for i in (before.tail.begin, before.tail.end))
        rounding = max(1, seen / length)
        assert first - edges[0] >= 3 / 8 * overlap - rounding or found.index(after) == len(found) - 1
        assert edges[1] - last >= 3 / 8 * overlap - rounding


def test_ramps_stay_short_where_the_photograph_is_enlarged() -> None:
    for length in (362, 4000, 12000):
        (first, _) = window_spans(length, 362, [0, 106], 256)
        assert 0 < first.tail.end - first.tail.begin <= 64


def test_no_more_is_kept_than_the_ramps() -> None:
    """A photograph of any height holds what crosses from one row of windows to the next."""
    rows, columns = ([0, 24, 48, 72], [0, 24, 48])
    down, across = window_spans(104, 104, rows, 32), window_spans(80, 80, columns, 32)
    blender = Blender((104, 80), (104, 80), down, across)
    decided = 0
    for row in range(4):
        for column in range(3):
            decided += sum(block.classes.numel() for block in blender.add(row, column, torch.rand(32, 32, 5)))
            kept = sum(part.numel() for part in [*blender._right.values(), blender._below] if part is not None)
            assert kept <= 5 * (2 * 80 + 2 * 32)
        assert not blender._right
    assert decided == 104 * 80
