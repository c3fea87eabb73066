"""Pixels that a photograph marks as no data are ignored in its mask."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.data.caching.cache import MemoryCache
from segdrone.data.caching.disk_cache import DiskCache
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.windows import Size, Window
from tests.data.test_reader import GROUPS, MERGED, TABLE, arrays, nearest, new_reader, padded, pair


def transparent_pair(folder: Path, size: Size, transparent: NDArray[np.bool_]) -> ImageMaskPair:
    """A photograph with an alpha channel that is 0 where `transparent`."""
    one = pair(folder, size)
    rgba = np.dstack([arrays(size)[0], np.where(transparent, 0, 255).astype(np.uint8)])
    Image.fromarray(rgba).save(one.image)
    return replace(one, marks_no_data=True)


@pytest.mark.parametrize("interpolation", ["area", "nearest"])
@pytest.mark.parametrize("groups", [{}, GROUPS])
@pytest.mark.parametrize("cached", [False, True])
def test_transparent_pixels_are_ignored_in_masks_and_counts(
    tmp_path: Path, interpolation: str, groups: dict[str, list[str]], cached: bool
) -> None:
    size, small, window = (20, 30), (10, 15), Window(3, 4, 9, 9)
    transparent = np.random.default_rng(7).random(size) < 0.3
    one = transparent_pair(tmp_path, size, transparent)
    reader = new_reader(MaskEncoding(TABLE, groups), interpolation)
    if cached:
        reader.cache = MemoryCache(reader.keys(one, small), shared=False)
    expected = nearest(arrays(size)[1], small, interpolation)
    expected = MERGED[expected] if groups else expected.copy()
    expected = np.where(nearest(transparent.astype(np.uint8), small, interpolation) == 1, 200, expected).astype(
        np.uint8
    )
    for _ in range(2):
        np.testing.assert_array_equal(reader.mask(one, small, window), padded(expected, window, 200))
        np.testing.assert_array_equal(reader.mask(one, small, Window(0, 0, *small), 4), expected[::4, ::4])
        np.testing.assert_array_equal(reader.counts(one, small), np.bincount(expected.ravel(), minlength=256))
    full = read_pair_mask(one, MaskEncoding(TABLE, groups))
    mask = arrays(size)[1]
    np.testing.assert_array_equal(full, np.where(transparent, 200, MERGED[mask] if groups else mask))


def test_opaque_photographs_are_cached_as_before_and_transparency_has_a_key_of_its_own(tmp_path: Path) -> None:
    opaque = pair(tmp_path, (6, 7))
    names = [key.name for key in new_reader().keys(opaque, (3, 4))]
    assert [(key.shape, key.variant) for key in new_reader().keys(opaque, (3, 4))] == [
        ((3, 4, 3), "area"),
        ((3, 4), f"middle {MaskEncoding(TABLE).fingerprint}"),
    ]
    image, mask, valid = new_reader().keys(replace(opaque, marks_no_data=True), (3, 4))
    assert [image.name, mask.name] == names
    assert (valid.source, valid.shape) == (opaque.image.resolve(), (3, 4))
    assert valid.name not in names


def test_changed_transparency_is_read_again_though_the_mask_is_cached(tmp_path: Path) -> None:
    size, full = (6, 7), Window(0, 0, 6, 7)
    one = transparent_pair(tmp_path, size, np.ones(size, bool))
    reader = new_reader()
    reader.cache = DiskCache(tmp_path / "cache")
    reader.cache.reserve(reader.keys(one, size))
    assert (reader.mask(one, size, full) == 200).all()
    transparent_pair(tmp_path, size, np.zeros(size, bool))
    os.utime(one.image, ns=(0, one.image.stat().st_mtime_ns + 1))
    np.testing.assert_array_equal(reader.mask(one, size, full), arrays(size)[1])
