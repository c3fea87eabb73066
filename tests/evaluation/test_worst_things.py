from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.overlaps import Segments, overlap_segments
from segdrone.evaluation.thing_errors import ThingError, find_thing_errors
from segdrone.evaluation.worst_things import MAX_SIDE, WorstThings

TABLE = ClassTable(names=("road", "car"), colours=((0, 0, 0), (1, 1, 1)))


def photograph(width: int, left: int = 30, height: int = 100) -> tuple[Segments, Segments]:
    """One car of this width beside another, and the same as one predicted car."""
    mask, two = np.zeros((height, 400), np.uint8), np.zeros((height, 400), np.uint16)
    mask[40:60, left : left + 2 * width] = 1
    two[40:60, left : left + width], two[40:60, left + width : left + 2 * width] = 1, 2
    return Segments(mask, two), Segments(mask, mask.astype(np.uint16) * 5)


def errors(truth: Segments, prediction: Segments) -> list[ThingError]:
    return find_thing_errors(overlap_segments(truth, prediction, TABLE, ["car"]))


def update(worst: WorstThings, name: str, width: int, read: Callable[[], NDArray[np.uint8]] | None = None) -> None:
    two, one = photograph(width)
    worst.update(name, errors(two, one), two, one, read)  # merged
    worst.update(name, errors(one, two), one, two, read)  # split


def kept(worst: WorstThings) -> list[tuple[str, str]]:
    return [(crop.error.kind, crop.name) for crop in worst.worst()]


def test_the_worst_are_kept_in_any_order_and_by_any_process() -> None:
    widths = {f"p{width}": width for width in (20, 40, 60, 80)} | {"a80": 80}
    expected = [(kind, name) for kind in ("split", "merged") for name in ("a80", "p80", "p60")]
    for seed in range(3):
        names = np.random.default_rng(seed).permutation([*widths])
        shares = [WorstThings(3), WorstThings(3)]
        for i, name in enumerate(names):
            update(shares[i % 2], str(name), widths[str(name)])
        assert all(len(share.worst()) <= 6 for share in shares)
        gathered = [share.worst() for share in shares]
        for share in shares:
            for crops in gathered:  # its own too, as `all_gather_object` returns them
                share.merge(crops)
            assert kept(share) == expected


def test_only_photographs_that_are_kept_are_read() -> None:
    worst = WorstThings(1)
    update(worst, "large", 50)
    update(worst, "small", 20, lambda: pytest.fail("was read"))
    update(WorstThings(0), "none", 20, lambda: pytest.fail("was read"))
    assert kept(worst) == [("split", "large"), ("merged", "large")]


def test_a_picture_shows_the_things_with_a_margin() -> None:
    two, one = photograph(50)
    image = np.random.default_rng(0).integers(0, 256, (100, 400, 3), np.uint8)
    worst = WorstThings(1)
    worst.update("a", errors(two, one), two, one, lambda: image)
    (crop,) = worst.worst()
    part = slice(20, 80), slice(10, 150)  # a fifth of 100 pixels on each side
    assert crop.image is not None
    np.testing.assert_array_equal(crop.image, image[part])
    np.testing.assert_array_equal(crop.truth, two.instances[part])
    np.testing.assert_array_equal(crop.prediction, one.instances[part])


def test_other_classes_are_not_shown_and_windows_end_at_the_image() -> None:
    two, one = photograph(50, left=0)
    numbers = np.where(two.mask == 0, np.uint16(7), two.instances)  # numbers of stuff mean nothing
    worst = WorstThings(1)
    worst.update("a", errors(two, one), Segments(two.mask, numbers), one, None)
    (crop,) = worst.worst()
    assert crop.image is None and crop.truth.shape == (60, 120)
    assert np.unique(crop.truth).tolist() == [0, 1, 2]


def test_large_things_are_downscaled() -> None:
    two, one = (
        Segments(mask.repeat(9, 0).repeat(9, 1), numbers.repeat(9, 0).repeat(9, 1)) for mask, numbers in photograph(150)
    )
    image = np.full((*two.mask.shape, 3), 80, np.uint8)
    worst = WorstThings(1)
    worst.update("a", errors(two, one), two, one, lambda: image)
    (crop,) = worst.worst()
    assert max(crop.truth.shape) == MAX_SIDE == max(crop.prediction.shape)
    assert crop.image is not None and crop.image.shape == (*crop.truth.shape, 3)
    assert np.unique(crop.truth).tolist() == [0, 1, 2]
