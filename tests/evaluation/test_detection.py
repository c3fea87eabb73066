"""Objects of predicted masks compared with true ones."""

from __future__ import annotations

import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.evaluation.detection import DetectionScores
from segdrone.inference.instances import thing_classes
from tests.helpers.random_masks import CAR, DOG, IGNORED, PERSON, TABLE, Photograph, drawn, ground, scored


def test_a_perfect_prediction() -> None:
    truth = drawn((CAR, 2, 2, 8, 20), (CAR, 20, 2, 8, 20), (PERSON, 5, 40, 3, 3))
    scores = scored({"a": (truth, truth.copy(), None)})
    assert (scores["map"], scores["map_50"], scores["map_75"]) == (1, 1, 1)
    assert scores["classes"] == {
        "person": {"map": 1, "truth": 1, "predicted": 1, "found": 1},
        "dog": {"map": None, "truth": 0, "predicted": 0, "found": 0},
        "car": {"map": 1, "truth": 2, "predicted": 2, "found": 2},
    }
    assert scores["sizes"][0] == {"from": 0, "to": 1024, "truth": 3, "found": 3, "recall": 1}
    assert scores["sizes"][1:] == [
        {"from": least, "to": limit, "truth": 0, "found": 0, "recall": None}
        for least, limit in ((1024, 9216), (9216, 82944), (82944, 746496), (746496, None))
    ]


def test_one_of_two_cars() -> None:
    truth, prediction = drawn((CAR, 2, 2, 8, 20), (CAR, 20, 2, 8, 20)), drawn((CAR, 2, 2, 8, 20))
    scores = scored({"a": (truth, prediction, None)})
    assert scores["map"] == pytest.approx(51 / 101)  # precision 1 at the recalls 0, 0.01, ... 0.5
    assert scores["classes"]["car"] == {"map": scores["map"], "truth": 2, "predicted": 1, "found": 1}
    assert scores["sizes"][0]["recall"] == 0.5


@pytest.mark.parametrize(("confidence", "expected"), [((250, 40), 1), ((40, 250), 1 / 2)])
def test_a_false_car_counts_by_its_score(confidence: tuple[int, int], expected: float) -> None:
    truth, prediction = drawn((CAR, 2, 2, 8, 20)), drawn((CAR, 2, 2, 8, 20), (CAR, 20, 2, 8, 20))
    sure = ground()
    sure[:15], sure[15:] = confidence
    scores = scored({"a": (truth, prediction, sure)})
    assert scores["map"] == pytest.approx(expected)
    assert scores["classes"]["car"] == {"map": scores["map"], "truth": 1, "predicted": 2, "found": 1}


@pytest.mark.parametrize(("width", "expected"), [(30, 1), (10, 1 / 2)])
def test_without_confidences_larger_objects_come_first(width: int, expected: float) -> None:
    truth, prediction = drawn((CAR, 2, 2, 8, width)), drawn((CAR, 2, 2, 8, width), (CAR, 20, 2, 8, 20))
    assert scored({"a": (truth, prediction, None)})["map"] == pytest.approx(expected)


def test_a_false_car_where_there_is_no_object_counts_too() -> None:
    car, sure, unsure = drawn((CAR, 2, 2, 8, 20)), ground() + np.uint8(200), ground() + np.uint8(100)
    scores = scored({"a": (ground(), car, sure), "b": (car, car, unsure)})
    assert scores["map"] == pytest.approx(1 / 2)
    assert scores["classes"]["car"] == {"map": scores["map"], "truth": 1, "predicted": 2, "found": 1}


def test_an_iou_of_three_fifths_is_enough_for_0_6_and_of_a_half_not_for_found() -> None:
    truth = drawn((CAR, 2, 2, 8, 10))
    scores = scored({"a": (truth, drawn((CAR, 2, 2, 8, 6)), None)})
    assert scores["map"] == pytest.approx(3 / 10)  # 0.5, 0.55 and 0.6
    assert (scores["map_50"], scores["map_75"], scores["classes"]["car"]["found"]) == (1, 0, 1)
    half = scored({"a": (truth, drawn((CAR, 2, 2, 8, 5)), None)})
    assert (half["map_50"], half["classes"]["car"]["found"]) == (1, 0)


def test_cars_that_touch_are_one_object() -> None:
    apart, joined = drawn((CAR, 2, 2, 8, 20), (CAR, 12, 2, 8, 20)), drawn((CAR, 2, 2, 8, 20), (CAR, 10, 2, 10, 20))
    scores = scored({"a": (apart, joined, None)})
    assert scores["classes"]["car"] == {"map": 0, "truth": 2, "predicted": 1, "found": 0}
    scores = scored({"a": (joined, joined, None)})
    assert scores["classes"]["car"] == {"map": 1, "truth": 1, "predicted": 1, "found": 1}


def test_ignored_pixels_split_an_object_and_belong_to_none() -> None:
    truth = drawn((CAR, 2, 2, 8, 20), (IGNORED, 2, 10, 30, 4))
    scores = scored({"a": (truth, truth.copy(), None)})
    assert scores["classes"]["car"] == {"map": 1, "truth": 2, "predicted": 2, "found": 2}
    assert sum(row["truth"] for row in scores["sizes"]) == 2


def test_a_class_that_the_truth_lacks_is_counted_and_has_no_part_in_the_mean() -> None:
    truth = drawn((CAR, 2, 2, 8, 20))
    scores = scored({"a": (truth, drawn((CAR, 2, 2, 8, 20), (DOG, 20, 2, 3, 3)), None)})
    assert scores["map"] == 1
    assert scores["classes"]["dog"] == {"map": None, "truth": 0, "predicted": 1, "found": 0}


def test_another_class_at_the_same_place_finds_nothing() -> None:
    truth = drawn((CAR, 2, 2, 8, 20), (PERSON, 20, 2, 4, 4))
    scores = scored({"a": (truth, drawn((PERSON, 2, 2, 8, 20), (PERSON, 20, 2, 4, 4)), None)})
    assert scores["map"] == pytest.approx((0 + 1 / 2) / 2)  # the false person is the larger one
    assert [scores["classes"][name]["found"] for name in ("person", "car")] == [1, 0]


@pytest.mark.parametrize(("in_truth", "expected"), [(True, 0), (False, None)])
def test_objects_on_one_side_only(in_truth: bool, expected: float | None) -> None:
    one = drawn((CAR, 2, 2, 8, 20))
    scores = scored(
        {"a": (one, ground(), None) if in_truth else (ground(), one, None), "b": (ground(), ground(), None)}
    )
    assert (scores["map"], scores["map_50"], scores["map_75"]) == (expected,) * 3
    assert scores["classes"]["car"] == {"map": expected, "truth": in_truth, "predicted": not in_truth, "found": 0}
    assert scores["sizes"][0]["recall"] == expected


@pytest.mark.parametrize("photographs", [{}, {"a": (ground(), ground(), None)}])
def test_no_object_at_all(photographs: dict[str, Photograph]) -> None:
    scores = scored(photographs)
    assert (scores["map"], scores["map_50"], scores["map_75"]) == (None, None, None)
    assert all(one == {"map": None, "truth": 0, "predicted": 0, "found": 0} for one in scores["classes"].values())
    assert [*scores["classes"]] == thing_classes(TABLE)


def test_a_table_without_countable_classes_has_no_scores() -> None:
    scores = DetectionScores(ClassTable(("ground", "water"), ((0, 0, 0), (1, 1, 1))))
    scores.update("a", np.eye(9, dtype=np.uint8), np.eye(9, dtype=np.uint8), None)
    assert scores.compute() is None


def test_a_bound_belongs_to_the_larger_size() -> None:
    truth = np.zeros((200, 200), np.uint8)
    truth[:32, :32], truth[100:196, 100:196], truth[100:131, :33] = CAR, CAR, PERSON
    scores = scored({"a": (truth, truth, None)})
    assert [row["truth"] for row in scores["sizes"]] == [1, 1, 1, 0, 0]
