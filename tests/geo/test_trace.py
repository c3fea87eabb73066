"""Regions of a mask that arrives in strips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from segdrone.geo import trace as module
from segdrone.geo.areas import PixelAreas
from segdrone.geo.polygon_batch import PolygonBatch, concatenate
from segdrone.geo.trace import RegionTracer
from segdrone.inference.polygons import trace_polygons
from tests.helpers.label_maps import place, rings_of, smooth_labels

Region = tuple[int, int, float, Any, Any]

MASKS = st.integers(1, 4).flatmap(
    lambda classes: arrays(
        np.uint8,
        array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.sampled_from([*range(classes), 255]),
    )
)
ISLAND_IN_A_LAKE = np.array(
    [[1, 1, 1, 1, 1], [1, 2, 2, 2, 1], [1, 2, 1, 2, 1], [1, 2, 2, 2, 1], [1, 1, 1, 1, 1]], np.uint8
)
HOLES_THAT_TOUCH = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 0, 1, 1], [1, 0, 1, 0, 1]], np.uint8)
HOLE_AT_THE_BORDER = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)
SPIRAL = np.array([[1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]], np.uint8)
COMB = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 0, 1], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]], np.uint8)

COMB_AROUND_HOLES = np.array(
    [
        [1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        [1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1],
        [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        [1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1],
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ],
    np.uint8,
)


def traced(
    mask: NDArray[np.uint8], confidence: NDArray[np.uint8] | None, heights: list[int], **options: Any
) -> PolygonBatch:
    """Traces a mask in strips of some heights, over and over."""
    tracer, batches, top, number = RegionTracer(mask.shape, **options), [], 0, 0
    while top < len(mask):
        rows = slice(top, top + heights[number % len(heights)])
        batches.append(tracer.add(mask[rows], None if confidence is None else confidence[rows]))
        top, number = rows.stop, number + 1
    return concatenate(batches)


def regions(batch: PolygonBatch) -> list[Region]:
    """Returns polygons in a form that can be compared."""
    found = []
    for polygon in range(len(batch)):
        exterior, *holes = (ring.tolist() for ring in rings_of(batch, polygon))
        mean = round(float(batch.confidence[polygon]), 9)
        found.append((int(batch.class_id[polygon]), int(batch.pixels[polygon]), mean, exterior, sorted(holes)))
    return sorted(found)


def expected(mask: NDArray[np.uint8], confidence: NDArray[np.uint8], ignore_index: int) -> list[Region]:
    """Returns the polygons of the whole mask."""
    return sorted(
        (p.class_id, p.area, round(p.confidence or 0.0, 9), p.exterior.tolist(), sorted(h.tolist() for h in p.holes))
        for p in trace_polygons(mask, confidence, ignore_index)
    )


@settings(max_examples=50, deadline=None)
@given(
    mask=MASKS,
    heights=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    rows=st.integers(1, 12),
    turns=st.sampled_from([1, 10, 10**6]),
    ignore_index=st.sampled_from([255, 254]),
)
@example(ISLAND_IN_A_LAKE, [1], 1, 1, 255)
@example(HOLES_THAT_TOUCH, [1], 1, 1, 255)
@example(HOLE_AT_THE_BORDER, [1], 1, 1, 255)
@example(SPIRAL, [2], 2, 1, 255)
@example(COMB, [1], 1, 1, 255)
@example(COMB_AROUND_HOLES, [5], 5, 10**6, 255)
def test_strips_give_the_polygons_of_the_whole_mask(
    mask: NDArray[np.uint8], heights: list[int], rows: int, turns: int, ignore_index: int
) -> None:
    confidence = np.random.default_rng(mask.size).integers(0, 256, mask.shape, np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_PIXELS", rows * mask.shape[1])
        patch.setattr(module, "_BLOCK_TURNS", turns)
        patch.setattr(module, "_ROWS", 3)
        found = traced(mask, confidence, heights, ignore_index=ignore_index)
    assert regions(found) == expected(mask, confidence, ignore_index)
    assert (np.diff(found.order) > 0).all()


def test_regions_are_finished_as_soon_as_their_last_row_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK_PIXELS", 6)
    mask = np.array([[1, 1, 1], [2, 2, 1], [2, 1, 1], [1, 1, 1], [3, 3, 3], [3, 3, 3]], np.uint8)
    tracer = RegionTracer(mask.shape)
    batches = [tracer.add(row[None]) for row in mask]
    assert [batch.class_id.tolist() for batch in batches] == [[], [], [], [2], [], [1, 3]]


def test_memory_holds_only_open_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK_PIXELS", 40)
    tracer = RegionTracer((1000, 4))
    rows = np.zeros((10, 4), np.uint8)
    rows[1:9, 1:3] = np.arange(1, 9)[:, None]
    for _ in range(99):
        assert len(tracer.add(rows)) == 8
    assert len(tracer._lines) == 1  # around the frame
    assert tracer._waiting == []


def test_the_arrays_of_a_strip_may_be_used_again() -> None:
    mask = smooth_labels(5, (20, 20))
    tracer, strip, batches = RegionTracer(mask.shape), np.empty((4, 20), np.uint8), []
    for top in range(0, 20, 4):
        strip[:] = mask[top : top + 4]
        batches.append(tracer.add(strip, strip))
    assert regions(concatenate(batches)) == expected(mask, mask, 255)


def test_square_meters_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK_PIXELS", 700)
    mask = smooth_labels(0, (90, 70))
    areas = PixelAreas(place("EPSG:3857", (5.0, 0.0, 1e6, 0.0, -5.0, 6e6)), mask.shape)
    found = traced(mask, None, [13], areas=areas)
    assert found.square_meters.sum() == pytest.approx(areas.total, rel=1e-12)
    by_class = np.bincount(found.class_id, found.square_meters, 4)
    assert by_class == pytest.approx(areas.sum_labels(mask, 4, 0).square_meters, rel=1e-12)
    assert np.isnan(found.confidence).all()


def test_without_areas_and_without_data() -> None:
    found = traced(np.array([[1, 1]], np.uint8), None, [1])
    assert np.isnan(found.square_meters).all()
    assert len(traced(np.full((3, 4), 7, np.uint8), None, [2], ignore_index=7)) == 0


@pytest.mark.parametrize("strip", [np.zeros((1, 4), np.uint8), np.zeros((4, 3), np.uint8)])
def test_a_strip_of_another_raster_is_refused(strip: NDArray[np.uint8]) -> None:
    tracer = RegionTracer((5, 3))
    tracer.add(np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"does not continue a mask of \(5, 3\) at row 2"):
        tracer.add(strip)
