from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from segdrone.annotations.bitmaps import EmbeddedPng, RunLengths
from segdrone.annotations.brush import Brush
from segdrone.annotations.export.encodings import bounding_box, coco_counts, crop_png, cvat_counts, pack_brush
from segdrone.annotations.export.regions import mask_regions

ONE_PER_CLASS = 0
MASKS = arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))).filter(lambda mask: bool(mask.any()))


def placed(size: tuple[int, int], top: int, left: int, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    canvas = np.zeros(size, bool)
    canvas[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return canvas


def check(inside: NDArray[np.bool_]) -> None:
    """Each encoding of the pixels decodes to them, by our own readers and by pycocotools."""
    size = (inside.shape[0], inside.shape[1])
    mask = np.where(inside, np.uint8(0), np.uint8(255))
    (region,) = mask_regions(mask, None, 1, ONE_PER_CLASS).shapes
    (by_columns,) = mask_regions(mask, None, 1, ONE_PER_CLASS, by_columns=True).shapes
    np.testing.assert_array_equal(placed(size, *Brush(pack_brush(region, size).tobytes()).decode(size)), inside)
    box, counts = cvat_counts(region, size)
    runs = RunLengths(counts, (box.height, box.width), box.top, box.left)
    np.testing.assert_array_equal(placed(size, *runs.decode(size)), inside)
    _, png = crop_png(region, size)
    np.testing.assert_array_equal(placed(size, *EmbeddedPng(png, box.top, box.left).decode(size)), inside)
    encoded = coco_mask.encode(np.asfortranarray(inside.astype(np.uint8)))
    assert coco_counts(by_columns, size).encode() == encoded["counts"]
    assert [*box] == coco_mask.toBbox(encoded).tolist()
    assert bounding_box(by_columns, size, by_columns=True) == box


@settings(max_examples=50, deadline=None)
@given(inside=MASKS)
def test_encodings_hold_the_same_pixels(inside: NDArray[np.bool_]) -> None:
    check(inside)


def test_runs_longer_than_a_record_of_a_brush() -> None:
    inside = np.zeros((300, 400), bool)
    inside[40:200] = True  # 4 * 64,000 values
    inside[299, 399] = True
    check(inside)
