"""Things that can be cut out of masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.data.things import MOST_THINGS, PACKED_SHAPE, Thing, find_things, pack_things, thing_pixels, unpack_things
from segdrone.windows import Window

GRASS, ROAD, CAR, WATER = range(4)


def meadow() -> NDArray[np.uint8]:
    """Grass above, road below."""
    mask = np.full((60, 80), GRASS, np.uint8)
    mask[30:] = ROAD
    return mask


def with_car(rows: slice, columns: slice) -> NDArray[np.uint8]:
    mask = meadow()
    mask[rows, columns] = CAR
    return mask


def test_a_thing_lies_on_the_class_around_it() -> None:
    mask = with_car(slice(40, 46), slice(10, 20))
    mask[5:10, 50:60] = CAR
    things = find_things(mask, [CAR], 255)
    assert [(thing.ground, thing.area, thing.window) for thing in things] == [
        (ROAD, 60, Window(40, 10, 6, 10)), (GRASS, 50, Window(5, 50, 5, 10))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(0, 8), slice(10, 20)),  # touches the edges
        (slice(52, 60), slice(10, 20)),
        (slice(40, 48), slice(0, 10)),
        (slice(40, 48), slice(70, 80)),
        (slice(40, 43), slice(10, 15)),  # a few pixels
        (slice(32, 58), slice(10, 70)),  # most of a side
    ],
)
def test_what_is_cut_off_tiny_or_large_is_no_thing(rows: slice, columns: slice) -> None:
    assert find_things(with_car(rows, columns), [CAR], 255) == []


def test_a_thing_beside_pixels_without_a_label_is_cut_off() -> None:
    mask = with_car(slice(40, 46), slice(10, 20))
    mask[40:46, 20:30] = 255
    assert find_things(mask, [CAR], 255) == []


def test_a_thing_between_several_classes_lies_on_none() -> None:
    mask = with_car(slice(25, 35), slice(10, 20))
    mask[20:40, 17:40][mask[20:40, 17:40] != CAR] = WATER
    assert find_things(mask, [CAR], 255) == []


def test_no_thing_lies_on_another_one() -> None:
    mask = with_car(slice(36, 56), slice(10, 30))
    mask[40:46, 15:21] = WATER
    assert [thing.class_id for thing in find_things(mask, [CAR, WATER], 255)] == [CAR]
    assert {thing.class_id for thing in find_things(mask, [WATER], 255)} == {WATER}  # on a car, if cars are no things


def test_holes_belong_to_a_thing_unless_they_show_its_ground() -> None:
    mask = with_car(slice(36, 56), slice(10, 30))
    mask[40:46, 15:21], mask[50:53, 15:21] = WATER, ROAD
    (thing,) = find_things(mask, [CAR], 255)
    assert thing.area == 20 * 20 - 36 - 18
    pixels = thing_pixels(mask[thing.window.rows, thing.window.columns], None, thing)
    assert pixels is not None and pixels.sum() == 20 * 20 - 18
    assert pixels[4:10, 5:11].all() and not pixels[14:17, 5:11].any()


def test_touching_things_are_told_apart_by_their_numbers() -> None:
    mask = with_car(slice(36, 46), slice(10, 40))
    numbers = np.zeros(mask.shape, np.uint16)
    numbers[36:46, 10:25], numbers[36:46, 25:40] = 7, 900
    assert [thing.area for thing in find_things(mask, [CAR], 255)] == [300]
    left, right = sorted(find_things(mask, [CAR], 255, numbers), key=lambda thing: thing.window.left)
    assert (left.window, right.window) == (Window(36, 10, 10, 15), Window(36, 25, 10, 15))
    wide = left._replace(window=Window(36, 10, 10, 30))  # its own box holds nothing else
    part = wide.window.rows, wide.window.columns
    pixels = thing_pixels(mask[part], numbers[part], wide)
    assert pixels is not None and pixels[:, :15].all() and not pixels[:, 15:].any()


def test_a_thing_that_is_gone_has_no_pixels() -> None:
    (thing,) = find_things(with_car(slice(40, 46), slice(10, 20)), [CAR], 255)
    assert thing_pixels(meadow()[thing.window.rows, thing.window.columns], None, thing) is None


def test_the_largest_things_of_each_class_are_kept() -> None:
    mask = np.zeros((400, 400), np.uint8)
    for i in range(20):
        for j in range(20):
            mask[20 * i + 5 : 20 * i + 10 + (i > 15), 20 * j + 5 : 20 * j + 10] = CAR + (j > 18)
    things = find_things(mask, [CAR, CAR + 1], 255)
    assert len(things) == MOST_THINGS // 2 + 20
    assert [thing.area for thing in things[:64]] == [30] * 64  # of 76 that have 30 pixels


@st.composite
def possible(draw: st.DrawFn) -> Thing:
    """A thing of a photograph of 4000 x 6000."""
    top, left = draw(st.integers(0, 3999)), draw(st.integers(0, 5999))
    height, width = draw(st.integers(1, 4000 - top)), draw(st.integers(1, 6000 - left))
    pixel = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    ids = st.integers(0, 254)
    return Thing(draw(ids), draw(ids), draw(st.integers(1, 2**31)), pixel, Window(top, left, height, width))


@settings(max_examples=30, deadline=None)
@given(st.lists(possible(), max_size=MOST_THINGS))
def test_packed_things_are_unpacked(things: list[Thing]) -> None:
    packed = pack_things(things)
    assert packed.shape == PACKED_SHAPE and packed.dtype == np.uint8
    assert unpack_things(packed, (4000, 6000)) == things


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=36 * 4, max_size=36 * 4))
def test_bytes_of_somebody_else_are_no_things_outside_of_the_photograph(content: bytes) -> None:
    packed = np.zeros(PACKED_SHAPE, np.uint8)
    packed[:4, :, 0] = np.frombuffer(content, np.uint8).reshape(4, 36)
    for thing in unpack_things(packed, (50, 60)):
        assert thing.window.rows.stop <= 50 and thing.window.columns.stop <= 60
        assert thing.pixel[0] < thing.window.height and thing.pixel[1] < thing.window.width
    whole = pack_things([Thing(3, 0, 9, (0, 0), Window(4, 5, 3, 3))])
    assert unpack_things(whole, (7, 8)) and not unpack_things(whole, (6, 8)) and not unpack_things(whole, (7, 7))
