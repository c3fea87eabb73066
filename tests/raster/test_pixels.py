"""Images and masks are resized to match; values are counted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segdrone.raster import pixels
from segdrone.raster.pixels import count_values, joint_histogram, nearest_index, resize_image, resize_mask
from segdrone.windows import Size
from tests.helpers.image_files import random_ids, random_image


@pytest.mark.parametrize("interpolation", ["area", "linear", "nearest"])
def test_a_photograph_is_resized_to_height_and_width(interpolation: str) -> None:
    resized = resize_image(np.full((40, 60, 3), (10, 20, 30), np.uint8), (16, 48), interpolation)
    assert resized.shape == (16, 48, 3)
    assert resized.dtype == np.uint8
    assert (resized == (10, 20, 30)).all()


def test_area_averages_and_nearest_does_not() -> None:
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (resize_image(stripes, (4, 4), "area") == 100).all()
    assert set(np.unique(resize_image(stripes, (4, 4), "nearest"))) <= {0, 200}


def test_a_mask_is_resized_by_nearest_neighbor() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[:, 30:] = 22
    mask[20:] = 255
    small = resize_mask(mask, (15, 30))
    assert small.dtype == np.uint8
    assert small.shape == (15, 30)
    assert set(np.unique(small)) == {0, 22, 255}
    corners = resize_mask(mask, (15, 30), "nearest")
    np.testing.assert_array_equal(corners, cv2.resize(mask, (30, 15), interpolation=cv2.INTER_NEAREST))


@pytest.mark.parametrize("size", [(100, 150), (61, 90), (40, 33)])
def test_a_resized_mask_matches_its_photograph(size: Size) -> None:
    small = np.random.default_rng(0).integers(0, 2, (25, 38), dtype=np.uint8)
    mask = np.asarray(cv2.resize(small, (380, 250)), np.uint8)
    shown = {
        name: resize_image(np.repeat(mask[..., None] * np.uint8(255), 3, 2), size, name) for name in ("area", "nearest")
    }
    share = shown["area"][..., 0] / 255
    sure = abs(share - 0.5) > 0.4  # nearly all of the pixel belongs to one class
    np.testing.assert_array_equal(resize_mask(mask, size)[sure], share[sure] > 0.5)
    np.testing.assert_array_equal(resize_mask(mask, size, "nearest"), shown["nearest"][..., 0] // 255)


@pytest.mark.parametrize("part", [1, 50, 10**6])
def test_counts_do_not_depend_on_the_parts_they_are_made_in(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_EXACT", part)
    counts = count_values(random_ids())
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, np.bincount(random_ids().ravel(), minlength=256))
    for channel in range(3):
        expected = np.bincount(random_image()[..., channel].ravel(), minlength=256)
        np.testing.assert_array_equal(count_values(random_image(), channel), expected)


def test_an_image_with_more_pixels_than_float32_can_count_is_counted_exactly() -> None:
    truth = np.zeros((4100, 4100), np.uint8)  # 16.8 million, above 2^24, in one cell
    truth[-1, -1] = 1
    histogram = joint_histogram(truth, truth)
    assert (histogram[0, 0], histogram[1, 1], histogram.sum()) == (4100**2 - 1, 1, 4100**2)


@pytest.mark.parametrize(("old", "new"), [(7, 7), (704, 4000), (1056, 6000), (31, 97), (97, 31), (1, 5)])
def test_the_nearest_index_is_that_of_a_resized_mask(old: int, new: int) -> None:
    side = np.arange(old, dtype=np.uint16)[None]
    assert nearest_index(old, new).tolist() == resize_mask(side, (1, new))[0].tolist()
