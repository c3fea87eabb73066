from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from segdrone.annotations.export.regions import Regions, mask_regions, outline_regions
from segdrone.annotations.outlines import fill_outlines
from tests.annotations.export.conftest import IGNORED, blobs

MASKS = arrays(
    np.uint8,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.sampled_from([0, 1, 2, IGNORED]),
)


def fill(regions: Regions) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The mask that outlines make, and how many of them cover each pixel."""
    mask, covers = np.full(regions.size, IGNORED, np.uint8), np.zeros(regions.size, np.int32)
    for shape in regions.shapes:
        for outline in shape.outlines:
            inside = np.zeros(regions.size, np.uint8)
            fill_outlines(inside, [outline], 1)
            mask[inside > 0] = shape.class_id
            covers += inside
    return mask, covers


def paint(regions: Regions) -> NDArray[np.uint8]:
    mask = np.full(regions.size[0] * regions.size[1], IGNORED, np.uint8)
    for shape in regions.shapes:
        for start, length in zip(shape.starts.tolist(), shape.lengths.tolist(), strict=True):
            assert (mask[start : start + length] == IGNORED).all()
            mask[start : start + length] = shape.class_id
    return mask.reshape(regions.size[::-1]).T if regions.by_columns else mask.reshape(regions.size)


@settings(max_examples=50, deadline=None)
@given(mask=MASKS, most=st.integers(0, 20), by_columns=st.booleans())
def test_runs_cover_each_pixel_once(mask: NDArray[np.uint8], most: int, by_columns: bool) -> None:
    regions = mask_regions(mask, None, 3, most, by_columns=by_columns)
    np.testing.assert_array_equal(paint(regions), mask)
    assert len(regions.shapes) <= max(most, 3)


@settings(max_examples=50, deadline=None)
@given(mask=MASKS)
def test_outlines_cover_each_pixel_once(mask: NDArray[np.uint8]) -> None:
    regions = outline_regions(mask, None, 3)
    filled, covers = fill(regions)
    np.testing.assert_array_equal(filled, mask)
    np.testing.assert_array_equal(covers, mask != IGNORED)
    assert sum(shape.pixels for shape in regions.shapes) == (mask != IGNORED).sum()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), tolerance=st.sampled_from([1.0, 2.5, 6.0]), blur=st.sampled_from([1.0, 2.0, 4.0]))
def test_simplified_outlines_leave_no_gap_and_no_overlap(seed: int, tolerance: float, blur: float) -> None:
    pytest.importorskip("shapely")
    mask = blobs(seed, blur=blur)
    regions = outline_regions(mask, None, 4, tolerance=tolerance)
    assert fill(regions)[1].max() <= 1
    mask[mask == IGNORED] = 0
    filled, covers = fill(outline_regions(mask, None, 4, tolerance=tolerance))
    assert (covers == 1).all()
    assert (filled == mask).mean() > 0.6


def test_a_step_of_one_pixel_stays_at_a_tolerance_of_one() -> None:
    pytest.importorskip("shapely")
    mask = np.zeros((30, 30), np.uint8)
    mask[10:20, 10:20] = 1
    mask[12:14, 20] = 1  # a bump whose triangles are one pixel large
    regions = outline_regions(mask, None, 2, tolerance=1)
    np.testing.assert_array_equal(fill(regions)[0], mask)


def test_things_are_regions_of_their_own() -> None:
    mask, numbers = np.ones((4, 9), np.uint8), np.zeros((4, 9), np.uint16)
    numbers[:, :3], numbers[:, 3:6], numbers[0, 8] = 5, 60000, 5
    for regions in (mask_regions(mask, numbers, 2), outline_regions(mask, numbers, 2)):
        found: dict[int, Any] = {shape.thing: shape for shape in regions.shapes}
        assert {number: shape.pixels for number, shape in found.items()} == {0: 11, 5: 13, 60000: 12}
    assert [len(found[number].outlines) for number in (0, 5, 60000)] == [1, 2, 1]


def test_hundreds_of_touching_things_stay_apart() -> None:
    numbers = np.arange(1, 901, dtype=np.uint16).reshape(30, 30)
    regions = outline_regions(np.zeros((30, 30), np.uint8), numbers, 2)
    assert sorted(shape.thing for shape in regions.shapes) == [*range(1, 901)]
    assert (fill(regions)[1] == 1).all()


@pytest.mark.parametrize("most", [1, 5, 40])
def test_there_are_never_more_outlines_than_the_most(most: int) -> None:
    mask = np.random.default_rng(0).integers(0, 3, (40, 40)).astype(np.uint8)
    regions = outline_regions(mask, None, 3, most)
    assert 0 < len(regions.shapes) <= most
    assert (fill(regions)[1] == 1).all()
    assert regions.filled > 100 and regions.below > 1
