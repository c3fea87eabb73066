from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.inference import Predictor
from segdrone.inference.grouping import PlaneCollector, Things, group_things, number_things, tell_apart
from segdrone.inference.tta import AUGMENTS
from segdrone.windows import Window
from tests.helpers.colored import CAR, PERSON, TABLE, Colored, crowd, paint, partition, perfect
from tests.helpers.drawn_masks import patchwork

THING, OTHER = CAR, PERSON


def test_a_perfect_head_tells_all_things_of_a_crowd_apart() -> None:
    mask, numbers = crowd()
    things = group_things(mask, perfect(mask, numbers), [THING, OTHER])
    assert partition(things.numbers) == partition(numbers)
    np.testing.assert_array_equal(things.mask, mask)
    assert len(partition(number_things(mask, [THING, OTHER]).numbers)) < 30  # connected components cannot


def test_numbers_have_no_gaps_and_stuff_has_none() -> None:
    mask, numbers = crowd()
    mask[numbers == 3] = 0  # a center without a pixel
    found = group_things(mask, perfect(*crowd()), [THING, OTHER]).numbers
    assert np.unique(found).tolist() == [*range(35)]
    assert not found[mask == 0].any()


def test_planes_at_another_scale_are_resized() -> None:
    mask, numbers = crowd()
    large = mask.repeat(3, 0).repeat(3, 1)
    found = group_things(large, perfect(mask, numbers), [THING, OTHER]).numbers
    assert partition(found) == partition(numbers.repeat(3, 0).repeat(3, 1))


def test_most_pixels_of_a_thing_decide_its_class() -> None:
    mask, numbers = crowd()
    planes, noisy = perfect(mask, numbers), mask.copy()
    noisy[numbers == 1] = np.where(np.arange(120) % 3, THING, OTHER)
    noisy[4, 4] = 0  # stuff stays stuff
    things = group_things(noisy, planes, [THING, OTHER])
    assert set(things.mask[(numbers == 1) & (noisy > 0)]) == {THING}
    assert things.mask[4, 4] == things.numbers[4, 4] == 0
    np.testing.assert_array_equal(things.mask[numbers != 1], mask[numbers != 1])


def test_things_of_one_class_are_those_of_all_classes() -> None:
    mask, numbers = crowd()
    planes, noisy = perfect(mask, numbers), mask.copy()
    noisy[numbers == 1] = np.where(np.arange(120) % 3, THING, OTHER)
    both = group_things(noisy, planes, [THING, OTHER])
    one = group_things(noisy, planes, [OTHER], learned=[THING, OTHER])
    np.testing.assert_array_equal(one.mask, both.mask)
    assert partition(one.numbers) == partition(np.where(both.mask == OTHER, both.numbers, 0))
    assert np.unique(one.numbers).tolist() == [*range(len(partition(one.numbers)) + 1)]


def test_a_thing_in_two_parts_is_one() -> None:
    mask, numbers = np.zeros((20, 60), np.uint8), np.zeros((20, 60), np.uint16)
    mask[5:15, 10:50], numbers[5:15, 10:50] = THING, 1
    planes = perfect(mask, numbers)
    mask[:, 28:32] = 0  # behind a tree
    assert len(partition(group_things(mask, planes, [THING]).numbers)) == 1
    assert len(partition(number_things(mask, [THING]).numbers)) == 2


def test_things_whose_centers_were_missed_are_connected_components() -> None:
    mask, numbers = np.zeros((50, 150), np.uint8), np.zeros((50, 150), np.uint16)
    for number, left in enumerate((5, 55, 105), 1):
        mask[10:44, left : left + 34], numbers[10:44, left : left + 34] = THING, number
    planes = perfect(mask, numbers)
    planes[0, :, 50:] = 0
    assert partition(group_things(mask, planes, [THING]).numbers) == partition(numbers)
    planes[0] = 0
    assert partition(group_things(mask, planes, [THING]).numbers) == partition(numbers)


@pytest.mark.parametrize("scale", [1, 2])
def test_specks_without_a_center_take_the_class_around_them(scale: int) -> None:
    mask, numbers = np.zeros((50, 90), np.uint8), np.zeros((50, 90), np.uint16)
    for number, left in enumerate((5, 30, 60), 1):
        mask[10:30, left : left + 20], numbers[10:30, left : left + 20] = THING, number
    mask[:, 55:] = np.where(mask[:, 55:] == 0, 255, mask[:, 55:])  # the third is a hole of no data
    planes = perfect(mask, numbers)
    planes[0, :, 28:] = 0
    expected = np.where(numbers == 2, 0, mask)
    large, grown = (array.repeat(scale, 0).repeat(scale, 1) for array in (mask, expected))
    found = group_things(large, planes, [THING])
    np.testing.assert_array_equal(found.mask[:, : 55 * scale], grown[:, : 55 * scale])
    assert partition(found.numbers[:, : 28 * scale]) == partition(
        (numbers == 1).repeat(scale, 0).repeat(scale, 1)[:, : 28 * scale]
    )
    assert ((found.numbers > 0) == (found.mask == THING)).all()
    other = group_things(large, planes, [THING], learned=[OTHER])
    np.testing.assert_array_equal(other.mask, large)


@pytest.mark.parametrize("ignore_index", [3, 255])
def test_specks_beside_pixels_without_data_take_no_data_for_no_class(ignore_index: int) -> None:
    table = ClassTable(("grass", "car", "person"), ((0, 9, 0), (9, 0, 0), (0, 0, 9)), ignore_index, things=("car",))
    mask = np.zeros((20, 20), np.uint8)
    mask[:, 10:], mask[5:15, 5:10] = ignore_index, 1
    found = tell_apart(mask, np.zeros((3, 20, 20), np.float16), ["car"], table)
    assert (found.mask[:, :10] == 0).all()
    assert not found.numbers.any()


def test_things_of_a_class_that_the_head_has_not_learned_are_components() -> None:
    mask, numbers = crowd()
    planes = perfect(mask, numbers)
    found = group_things(mask, planes, [THING, OTHER], learned=[THING]).numbers
    assert partition(np.where(mask == THING, found, 0)) == partition(np.where(mask == THING, numbers, 0))
    components = number_things(np.where(mask == OTHER, mask, 0).astype(np.uint8), [OTHER]).numbers
    assert partition(np.where(mask == OTHER, found, 0)) == partition(components)


def test_a_plateau_is_one_center() -> None:
    mask = np.full((9, 30), THING, np.uint8)
    planes = np.zeros((3, 9, 30), np.float16)
    planes[0, 4, 10:13] = 0.5
    assert len(np.unique(group_things(mask, planes, [THING]).numbers[:, 6:17])) == 1


def test_overflowing_offsets_do_no_harm() -> None:
    mask = np.full((9, 30), THING, np.uint8)
    planes = np.zeros((3, 9, 30), np.float16)
    planes[0, 4, 10], planes[1:] = 1, np.inf
    assert group_things(mask, planes, [THING]).numbers.shape == mask.shape


def test_without_things_nothing_is_numbered() -> None:
    mask = np.array([[0, 0, 255]], np.uint8)
    planes = np.ones((3, 1, 3), np.float16)
    found = group_things(mask, planes, [THING])
    assert not found.numbers.any() and (found.mask == mask).all()


@settings(deadline=None, max_examples=50)
@given(patchwork(classes=3))
def test_components_of_different_classes_have_different_numbers(mask: NDArray[np.uint8]) -> None:
    things: Things = number_things(mask, [THING, OTHER])
    np.testing.assert_array_equal(things.numbers > 0, np.isin(mask, [THING, OTHER]))
    for number in np.unique(things.numbers[things.numbers > 0]):
        assert len(np.unique(mask[things.numbers == number])) == 1


def test_more_components_than_can_be_numbered_are_no_false_count(caplog: pytest.LogCaptureFixture) -> None:
    mask = np.zeros((514, 514), np.uint8)
    mask[::2, ::2] = THING  # 66,049 of one pixel
    with pytest.raises(DataError, match="66,049 connected components of car are more than the 65,535 .*--min-area"):
        tell_apart(mask, None, ["car"], TABLE)
    with caplog.at_level(logging.WARNING):
        number_things(mask, [THING, OTHER])  # scores go on
    assert "66,049 connected components" in caplog.text
    mask[-4:] = 0
    assert tell_apart(mask, None, ["car"], TABLE).numbers.max() == 255 * 257 == 65_535


def test_each_window_gives_the_planes_in_its_middle() -> None:
    windows = [Window(0, left, 4, 10) for left in (0, 6, 12)]
    collector = PlaneCollector((4, 22), windows)
    for value, window in enumerate(windows):
        collector.add(window, np.full((3, 4, 10), value, np.float32))
    np.testing.assert_array_equal(collector.result()[0, 0], np.repeat([0, 1, 2], [8, 6, 8]))


@settings(deadline=None, max_examples=40)
@given(
    window=st.tuples(st.integers(12, 60), st.integers(12, 90)),
    overlap=st.floats(0, 0.9),
    seed=st.integers(0, 2**31),
)
def test_tiled_equals_whole(window: tuple[int, int], overlap: float, seed: int) -> None:
    """A thing that lies in several windows has one number, and its pixels are those of the whole image."""
    mask, numbers = crowd()
    pixels = paint(mask, numbers)
    pixels[np.random.default_rng(seed).random(mask.shape) < 0.05] = 0
    whole = Predictor(Colored(), window=(60, 90))(pixels, instances=True)
    tiled = Predictor(Colored(), window=window, overlap=overlap)(pixels, instances=True)
    assert whole.planes is not None and tiled.planes is not None
    np.testing.assert_array_equal(whole.planes, tiled.planes)
    one, other = (group_things(p.mask, p.planes, [THING, OTHER]) for p in (whole, tiled) if p.planes is not None)
    assert len(partition(one.numbers)) > 25
    np.testing.assert_array_equal(one.numbers, other.numbers)


def test_planes_are_left_out_unless_they_are_asked_for() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    assert Predictor(Colored())(image).planes is None


class Arrows(Colored):
    """A model that sees the middle of the only bright area, whichever way the image is turned, and at any size."""

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        output = np.zeros((len(windows), 6, *windows.shape[1:3]), np.float32)
        for window, planes in zip(windows, output, strict=True):
            rows, columns = np.nonzero(window[..., 0] > 127)
            grid = np.indices(window.shape[:2])
            planes[1] = window[..., 0] > 127
            planes[0] = 1 - planes[1]
            planes[4], planes[5] = rows.mean() - grid[0], columns.mean() - grid[1]
        return output


@pytest.mark.parametrize("augment", AUGMENTS)
@pytest.mark.parametrize("scales", [(1,), (0.5, 1, 2)])
def test_arrows_are_turned_back_and_resized_with_the_image(augment: str, scales: tuple[float, ...]) -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    image[8:16, 20:40] = 255
    planes = Predictor(Arrows(), augment=augment, scales=scales)(image, instances=True).planes
    assert planes is not None
    rows, columns = np.indices((40, 50))
    tolerance = 0.05 if scales == (1,) else 0.6
    inner = (slice(4, 36), slice(4, 46))
    assert np.abs(planes[1] + rows - 11.5)[inner].max() < tolerance
    assert np.abs(planes[2] + columns - 29.5)[inner].max() < tolerance
