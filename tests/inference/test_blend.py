from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segdrone.inference.blend import Blender, WindowSpan, window_spans
from segdrone.windows import even_stride, grid


@st.composite
def sides(draw: st.DrawFn) -> tuple[int, int, list[WindowSpan], int]:
    """Length of a side in the image and at the network's scale, the spans of its windows, and their length."""
    window, network_length = draw(st.integers(4, 60)), draw(st.integers(4, 300))
    window = min(window, network_length)
    overlap = draw(st.integers(2, window - 1))
    length = max(1, round(network_length / draw(st.sampled_from([1.0, 0.2, 0.5, 0.9, 1.7]))))
    stride = even_stride(network_length, window, overlap, draw(st.sampled_from([1, 8])))
    starts = [place.left for place in grid((1, network_length), (1, window), (1, stride))]
    return length, network_length, window_spans(length, network_length, starts, window), window


@given(sides())
def test_weights_at_every_pixel_are_positive_and_sum_to_one(case: tuple[int, int, list[WindowSpan], int]) -> None:
    length, _, spans, _ = case
    total = np.zeros(length, np.float32)
    for span in spans:
        for segment in span.segments:
            weight = np.ones(segment.end - segment.begin) if segment.weight is None else segment.weight
            assert (weight > 0).all()
            total[segment.begin : segment.end] += weight
    np.testing.assert_allclose(total, 1, rtol=1.3e-6)


@given(sides())
def test_windows_contribute_only_inside_and_away_from_their_edges(
    case: tuple[int, int, list[WindowSpan], int],
) -> None:
    length, network_length, spans, window = case
    for before, after in pairwise(spans):
        assert (before.tail.begin, before.tail.end) == (after.lead.begin, after.lead.end)
        overlap = before.start + window - after.start
        edges = (after.start, before.start + window)  # where each has the least context
        first, last = (i * network_length / length for i in (before.tail.begin, before.tail.end))
        rounding = max(1, network_length / length)
        assert first - edges[0] >= 3 / 8 * overlap - rounding or spans.index(after) == len(spans) - 1
        assert edges[1] - last >= 3 / 8 * overlap - rounding


def test_ramps_stay_short_where_the_image_is_larger_than_at_the_networks_scale() -> None:
    for length in (362, 4000, 12000):
        (first, _) = window_spans(length, 362, [0, 106], 256)
        assert 0 < first.tail.end - first.tail.begin <= 64


def test_no_more_is_kept_than_the_ramps() -> None:
    """The memory does not depend on the image's height: only ramps to the next row of windows are kept."""
    rows, columns = ([0, 24, 48, 72], [0, 24, 48])
    down, across = window_spans(104, 104, rows, 32), window_spans(80, 80, columns, 32)
    blender = Blender((104, 80), (104, 80), down, across)
    finished, rng = 0, np.random.default_rng(0)
    for row in range(4):
        for column in range(3):
            probabilities = rng.random((5, 32, 32), np.float32)
            finished += sum(tile.classes.size for tile in blender.add(row, column, probabilities))
            kept = sum(part.size for part in [*blender._right.values(), blender._below] if part is not None)
            assert kept <= 5 * (2 * 80 + 2 * 32)
        assert not blender._right
    assert finished == 104 * 80


def test_the_number_of_threads_and_tiles_changes_nothing() -> None:
    probabilities = np.random.default_rng(0).random((5, 40, 50), np.float32)
    for size in ((40, 50), (130, 170)):
        down, across = window_spans(size[0], 40, [0], 40), window_spans(size[1], 50, [0], 50)
        masks = []
        for threads in (1, 3):
            mask = np.full(size, 99, np.uint8)
            for tile in Blender(size, (40, 50), down, across, threads).add(0, 0, probabilities):
                height, width = tile.classes.shape
                mask[tile.top : tile.top + height, tile.left : tile.left + width] = tile.classes
            masks.append(mask)
        np.testing.assert_array_equal(masks[0], masks[1])
        assert masks[0].max() < 5
