from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import ConfigError
from segdrone.inference.cleanup import Cleanup, parse_min_area
from tests.helpers.drawn_masks import areas, noise, patchwork

TABLE = ClassTable(("ground", "roof", "car"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
GROUND, ROOF, CAR = range(3)


def cleaned(mask: Any, table: ClassTable = TABLE, **settings: Any) -> NDArray[np.uint8]:
    before = np.array(mask, np.uint8)
    after = before.copy()
    result = Cleanup(**settings)(after, np.zeros((*before.shape, 3), np.uint8), table)
    np.testing.assert_array_equal(after, before)
    return result


def filled_one_by_one(mask: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """The definition: for each component, the 4-connected areas that do not reach the border of the image."""
    holes = []
    for class_id in range(len(TABLE)):
        count, labels = cv2.connectedComponents((mask == class_id).view(np.uint8), connectivity=8)
        for label in range(1, count):
            others, parts = cv2.connectedComponents((np.pad(labels, 1) != label).view(np.uint8), connectivity=4)
            holes += [(class_id, (parts == part)[1:-1, 1:-1]) for part in range(1, others) if part != parts[0, 0]]
    filled = mask.copy()
    for class_id, hole in sorted(holes, key=lambda hole: hole[1].sum()):
        if hole.sum() <= most:
            filled[hole] = class_id
    return filled


@settings(deadline=None)
@given(noise(classes=3), st.integers(2, 30))
def test_no_component_is_smaller_than_the_area_unless_all_are(mask: NDArray[np.uint8], area: int) -> None:
    largest = max(max(areas(mask, class_id), default=0) for class_id in range(3))
    result = cleaned(mask, min_area=area)
    if largest < area:
        np.testing.assert_array_equal(result, mask)
    else:
        assert min(min(areas(result, class_id), default=area) for class_id in range(3)) >= area


@settings(deadline=None)
@given(noise(classes=3), st.integers(2, 30))
def test_components_of_at_least_the_area_are_kept(mask: NDArray[np.uint8], area: int) -> None:
    result = cleaned(mask, min_area=area)
    for class_id in range(3):
        _, labels, stats, _ = cv2.connectedComponentsWithStats((mask == class_id).view(np.uint8), connectivity=8)
        large = (stats[:, cv2.CC_STAT_AREA] >= area)[labels] & (labels > 0)
        assert (result[large] == class_id).all()


def test_an_area_by_name_leaves_other_classes_alone() -> None:
    mask = np.zeros((8, 12), np.uint8)
    mask[2:4, 2:4], mask[2:4, 6:8] = CAR, ROOF
    expected = np.where(mask == CAR, GROUND, mask)
    np.testing.assert_array_equal(cleaned(mask, min_area={"car": 5, "ground": 5}), expected)
    np.testing.assert_array_equal(cleaned(mask, min_area={"car": 4}), mask)


def test_a_dropped_component_gets_the_nearest_class() -> None:
    assert cleaned([[0, 0, 0, 2, 2, 2, 2, 1, 1, 1]], min_area={"car": 5}).tolist() == [[0] * 5 + [1] * 5]


def test_a_slanted_line_is_one_component() -> None:
    mask = np.where(np.eye(9, dtype=bool), CAR, GROUND)
    np.testing.assert_array_equal(cleaned(mask, min_area={"car": 9}), mask)
    assert (cleaned(mask, min_area={"car": 10}) == GROUND).all()


@settings(deadline=None)
@given(patchwork(classes=3, most=24), st.integers(1, 200))
def test_holes_up_to_the_area_are_filled_and_no_others(mask: NDArray[np.uint8], area: int) -> None:
    np.testing.assert_array_equal(cleaned(mask, fill_holes=area), filled_one_by_one(mask, area))


def ring(*inside: int) -> NDArray[np.uint8]:
    """A roof with nested squares inside, the innermost a pixel wide."""
    mask = np.full((15, 15), GROUND)
    mask[1:14, 1:14] = ROOF
    for margin, class_id in zip(range(8 - len(inside), 8), inside, strict=True):
        mask[margin : 15 - margin, margin : 15 - margin] = class_id
    return mask


@pytest.mark.parametrize("inside", [(CAR, GROUND, CAR), (CAR, ROOF), (CAR, ROOF, CAR)])
def test_a_hole_gets_the_class_around_it_whatever_it_contains(inside: tuple[int, ...]) -> None:
    area = (2 * len(inside) - 1) ** 2
    np.testing.assert_array_equal(cleaned(ring(*inside), fill_holes=area), ring())
    assert (cleaned(ring(*inside), fill_holes=area - 1) == CAR).sum() >= area - 1 - (2 * len(inside) - 3) ** 2


def test_no_data_in_a_hole_is_no_part_of_its_area() -> None:
    mask = np.full((12, 12), ROOF, np.uint8)
    mask[2:10, 2:10] = 255
    mask[4, 2:10] = CAR  # with no data, 64 pixels
    filled = np.where(mask == CAR, ROOF, mask)
    np.testing.assert_array_equal(cleaned(mask, fill_holes=8), filled)
    np.testing.assert_array_equal(cleaned(mask, fill_holes=7), mask)


def test_areas_between_two_classes_or_at_the_border_are_not_holes() -> None:
    at_the_border = np.full((9, 9), ROOF)
    at_the_border[:3, 4] = CAR
    np.testing.assert_array_equal(cleaned(at_the_border, fill_holes=20), at_the_border)
    between = np.repeat([[GROUND] * 5 + [ROOF] * 5], 9, 0)
    between[4, 4:6] = CAR
    np.testing.assert_array_equal(cleaned(between, fill_holes=20), between)


def test_an_object_counts_with_its_holes() -> None:
    car = np.zeros((9, 9), np.uint8)
    car[2:7, 2:7] = CAR
    with_window = car.copy()
    with_window[4, 4] = ROOF
    np.testing.assert_array_equal(cleaned(with_window, fill_holes=1, min_area=25), car)


def test_small_components_are_dropped_before_borders_move() -> None:
    rng = np.random.default_rng(0)
    speckled = np.where(rng.random((40, 40)) < 0.02, CAR, GROUND)
    assert (cleaned(speckled, refine=3, min_area=20) == GROUND).all()


@pytest.mark.parametrize("choice", [{"min_area": 9}, {"fill_holes": 9}, {"refine": 2}])
def test_ignored_pixels_stay_and_do_not_grow(choice: dict[str, Any]) -> None:
    mask = np.zeros((16, 16), np.uint8)
    mask[5:9, 5:9], mask[6:8, 6:8] = ROOF, 255
    mask[12:, 12:], mask[12:14, 12:14] = 255, CAR
    result = cleaned(mask, **choice)
    np.testing.assert_array_equal(result == 255, mask == 255)


def test_nothing_is_done_by_default() -> None:
    mask = np.random.default_rng(0).integers(0, 3, (20, 20), np.uint8)
    np.testing.assert_array_equal(cleaned(mask), mask)


@settings(deadline=None, max_examples=50)
@given(patchwork(classes=4), st.integers(0, 20), st.integers(0, 20), st.integers(0, 4), st.integers(0, 99))
@example(np.full((1, 1), 3, np.uint8), 5, 5, 2, 0)
def test_no_new_class_appears(mask: NDArray[np.uint8], area: int, holes: int, reach: int, seed: int) -> None:
    mask[mask == 3] = 255
    image = np.random.default_rng(seed).integers(0, 256, (*mask.shape, 3), np.uint8)
    result = Cleanup(min_area=area, fill_holes=holes, refine=reach)(mask, image, TABLE)
    assert result.shape == mask.shape and result.dtype == np.uint8
    assert {*np.unique(result)} <= {*np.unique(mask)}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"min_area": {"lorry": 5, "car": 5}}, "min_area names lorry, not in the class table (ground, roof, car)"),
        ({"min_area": {"car": -5}}, "min_area of car is -5"),
        ({"min_area": -1}, "min_area is -1"),
        ({"fill_holes": -2}, "fill_holes is -2"),
        ({"refine": -3}, "refine is -3"),
    ],
)
def test_wrong_settings_are_refused(choice: dict[str, Any], message: str) -> None:
    for use in (lambda: Cleanup(**choice).check(TABLE), lambda: cleaned([[0]], **choice)):
        with pytest.raises(ConfigError) as caught:
            use()
        assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_valid_settings_pass_and_are_plain_values() -> None:
    cleanup = Cleanup(min_area={"car": 5, "person": 0}, fill_holes=7, refine=2)
    cleanup.check(DRONE)
    assert json.loads(json.dumps(cleanup.to_dict())) == cleanup.to_dict()
    assert Cleanup(**cleanup.to_dict()) == cleanup
    assert Cleanup().to_dict() == {"min_area": 0, "fill_holes": 0, "refine": 0}


def test_borders_move_by_64_pixels_at_most() -> None:
    Cleanup(refine=64).check(DRONE)
    with pytest.raises(ConfigError, match="refine is 65: borders move by 64 pixels at most"):
        Cleanup(refine=65).check(DRONE)


@pytest.mark.parametrize("text", ["car=200,car=30", "car=200, car=30", "car", "=5", "car=-1", ""])
def test_areas_that_are_not_one_number_per_class_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--min-area .*each class once"):
        parse_min_area(text, "--min-area")
