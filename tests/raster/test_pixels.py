"""Counts of values."""

from __future__ import annotations

import numpy as np
import pytest

from segdrone.raster import pixels
from segdrone.raster.pixels import count_values
from tests.helpers.image_files import random_ids, random_image


@pytest.mark.parametrize("part", [1, 50, 10**6])
def test_counts_do_not_depend_on_the_parts_they_are_made_in(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_EXACT", part)
    counts = count_values(random_ids())
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, np.bincount(random_ids().ravel(), minlength=256))
    for channel in range(3):
        expected = np.bincount(random_image()[..., channel].ravel(), minlength=256)
        np.testing.assert_array_equal(count_values(random_image(), channel), expected)
