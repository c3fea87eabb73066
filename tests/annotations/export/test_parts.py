from __future__ import annotations

import numpy as np

from segdrone.annotations.export.parts import color_things, count_changed, fill_small, find_parts
from tests.annotations.export.conftest import IGNORED


def test_a_thing_is_one_part_and_what_has_no_label_is_none() -> None:
    mask = np.array([[1, 0, 1, 0, IGNORED]], np.uint8)
    numbers = np.array([[4, 0, 4, 0, 4]], np.uint16)
    parts = find_parts(mask, numbers, 2, corners=True)
    assert sorted(zip(parts.values.tolist(), parts.pixels.tolist(), strict=True)) == [
        (-1, 1), (0, 1), (0, 1), (1 + 4 * 256, 2),
    ]  # fmt: skip


def test_small_parts_get_class_and_thing_of_their_neighbors() -> None:
    mask = np.array([[1, 1, 1, 0, 2, 2, IGNORED, 0]], np.uint8)
    numbers = np.array([[7, 7, 7, 0, 0, 0, 0, 0]], np.uint16)
    filled, filled_numbers, count = fill_small(mask, numbers, 3, 2, corners=False)
    assert filled_numbers is not None
    assert filled[0, 3] in (1, 2) and (filled[0, 3] == 1) == (filled_numbers[0, 3] == 7)
    assert filled[0, 7] == 0 and count == 1  # nothing grows over pixels without a label
    assert count_changed(mask, filled, numbers, filled_numbers) == 1
    assert (mask[0, 3], numbers[0, 3]) == (0, 0)


def test_touching_things_have_different_values() -> None:
    numbers = np.arange(1, 401, dtype=np.uint16).reshape(20, 20)
    traced = color_things(np.zeros((20, 20), np.uint8), numbers, 200)
    assert (traced[1:] != traced[:-1]).all() and (traced[:, 1:] != traced[:, :-1]).all()
    assert traced.min() >= 200 and traced.max() < 255
