"""Scores of the objects in predicted masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segdrone.classes import ClassTable, thing_classes
from segdrone.evaluation.detection import DetectionScores
from tests.helpers.random_masks import CAR, DOG, IGNORED, PERSON, TABLE, MaskPair, ground, rectangles, scored


def row(scores: dict[str, Any], name: str) -> dict[str, Any]:
    """Scores of a class, without the error of their number."""
    return {key: scores["classes"][name][key] for key in ("map", "truth", "predicted", "found")}


def test_a_perfect_prediction() -> None:
    truth = rectangles((CAR, 2, 2, 8, 20), (CAR, 20, 2, 8, 20), (PERSON, 5, 40, 3, 3))
    scores = scored({"a": (truth, truth.copy(), None)})
    assert (scores["map"], scores["map_50"], scores["map_75"]) == (1, 1, 1)
    assert {name: row(scores, name) for name in scores["classes"]} == {
        "person": {"map": 1, "truth": 1, "predicted": 1, "found": 1},
        "dog": {"map": None, "truth": 0, "predicted": 0, "found": 0},
        "car": {"map": 1, "truth": 2, "predicted": 2, "found": 2},
    }
    assert scores["sizes"][0] == {"from": 0, "to": 1024, "truth": 3, "found": 3, "recall": 1}
    assert scores["sizes"][1:] == [
        {"from": least, "to": limit, "truth": 0, "found": 0, "recall": None}
        for least, limit in ((1024, 9216), (9216, 82944), (82944, 746496), (746496, None))
    ]


def test_one_of_two_cars_found() -> None:
    truth, prediction = rectangles((CAR, 2, 2, 8, 20), (CAR, 20, 2, 8, 20)), rectangles((CAR, 2, 2, 8, 20))
    scores = scored({"a": (truth, prediction, None)})
    assert scores["map"] == pytest.approx(51 / 101)  # precision 1 at the recalls 0, 0.01, ... 0.5
    assert row(scores, "car") == {"map": scores["map"], "truth": 2, "predicted": 1, "found": 1}
    assert scores["sizes"][0]["recall"] == 0.5


@pytest.mark.parametrize(("confidence", "expected"), [((250, 40), 1), ((40, 250), 1 / 2)])
def test_a_false_positive_counts_by_its_confidence(confidence: tuple[int, int], expected: float) -> None:
    truth, prediction = rectangles((CAR, 2, 2, 8, 20)), rectangles((CAR, 2, 2, 8, 20), (CAR, 20, 2, 8, 20))
    sure = ground()
    sure[:15], sure[15:] = confidence
    scores = scored({"a": (truth, prediction, sure)})
    assert scores["map"] == pytest.approx(expected)
    assert row(scores, "car") == {"map": scores["map"], "truth": 1, "predicted": 2, "found": 1}


@pytest.mark.parametrize(("width", "expected"), [(30, 1), (10, 1 / 2)])
def test_without_confidence_larger_objects_rank_first(width: int, expected: float) -> None:
    truth, prediction = rectangles((CAR, 2, 2, 8, width)), rectangles((CAR, 2, 2, 8, width), (CAR, 20, 2, 8, 20))
    assert scored({"a": (truth, prediction, None)})["map"] == pytest.approx(expected)


def test_a_false_positive_in_an_image_without_objects_counts() -> None:
    car, sure, unsure = rectangles((CAR, 2, 2, 8, 20)), ground() + np.uint8(200), ground() + np.uint8(100)
    scores = scored({"a": (ground(), car, sure), "b": (car, car, unsure)})
    assert scores["map"] == pytest.approx(1 / 2)
    assert row(scores, "car") == {"map": scores["map"], "truth": 1, "predicted": 2, "found": 1}


def test_an_iou_of_exactly_0_6_matches_at_0_6_and_one_of_exactly_0_5_is_not_found() -> None:
    truth = rectangles((CAR, 2, 2, 8, 10))
    scores = scored({"a": (truth, rectangles((CAR, 2, 2, 8, 6)), None)})
    assert scores["map"] == pytest.approx(3 / 10)  # 0.5, 0.55 and 0.6
    assert (scores["map_50"], scores["map_75"], scores["classes"]["car"]["found"]) == (1, 0, 1)
    half = scored({"a": (truth, rectangles((CAR, 2, 2, 8, 5)), None)})
    assert (half["map_50"], half["classes"]["car"]["found"]) == (1, 0)


def test_cars_that_touch_are_one_object() -> None:
    apart, joined = (
        rectangles((CAR, 2, 2, 8, 20), (CAR, 12, 2, 8, 20)),
        rectangles((CAR, 2, 2, 8, 20), (CAR, 10, 2, 10, 20)),
    )
    scores = scored({"a": (apart, joined, None)})
    assert row(scores, "car") == {"map": 0, "truth": 2, "predicted": 1, "found": 0}
    scores = scored({"a": (joined, joined, None)})
    assert row(scores, "car") == {"map": 1, "truth": 1, "predicted": 1, "found": 1}


def test_ignored_pixels_split_an_object() -> None:
    truth = rectangles((CAR, 2, 2, 8, 20), (IGNORED, 2, 10, 30, 4))
    scores = scored({"a": (truth, truth.copy(), None)})
    assert row(scores, "car") == {"map": 1, "truth": 2, "predicted": 2, "found": 2}
    assert sum(row["truth"] for row in scores["sizes"]) == 2


def test_a_class_without_true_objects_is_counted_but_not_averaged() -> None:
    truth = rectangles((CAR, 2, 2, 8, 20))
    scores = scored({"a": (truth, rectangles((CAR, 2, 2, 8, 20), (DOG, 20, 2, 3, 3)), None)})
    assert scores["map"] == 1
    assert row(scores, "dog") == {"map": None, "truth": 0, "predicted": 1, "found": 0}


def test_an_object_of_another_class_finds_nothing() -> None:
    truth = rectangles((CAR, 2, 2, 8, 20), (PERSON, 20, 2, 4, 4))
    scores = scored({"a": (truth, rectangles((PERSON, 2, 2, 8, 20), (PERSON, 20, 2, 4, 4)), None)})
    assert scores["map"] == pytest.approx((0 + 1 / 2) / 2)  # the false person is the larger one
    assert [scores["classes"][name]["found"] for name in ("person", "car")] == [1, 0]


@pytest.mark.parametrize(("in_truth", "expected"), [(True, 0), (False, None)])
def test_objects_only_in_truth_or_only_in_the_prediction(in_truth: bool, expected: float | None) -> None:
    one = rectangles((CAR, 2, 2, 8, 20))
    scores = scored(
        {"a": (one, ground(), None) if in_truth else (ground(), one, None), "b": (ground(), ground(), None)}
    )
    assert (scores["map"], scores["map_50"], scores["map_75"]) == (expected,) * 3
    assert row(scores, "car") == {"map": expected, "truth": in_truth, "predicted": not in_truth, "found": 0}
    assert scores["sizes"][0]["recall"] == expected


@pytest.mark.parametrize("images", [{}, {"a": (ground(), ground(), None)}])
def test_no_objects(images: dict[str, MaskPair]) -> None:
    scores = scored(images)
    assert (scores["map"], scores["map_50"], scores["map_75"]) == (None, None, None)
    assert all(row(scores, name)["truth"] == row(scores, name)["predicted"] == 0 for name in scores["classes"])
    assert all(one["map"] is one["count_error"] is one["count_interval"] is None for one in scores["classes"].values())
    assert [*scores["classes"]] == thing_classes(TABLE)


def test_the_error_of_the_number_of_objects_is_that_of_all_images_together() -> None:
    one, two = rectangles((CAR, 2, 2, 8, 20)), rectangles((CAR, 2, 2, 8, 20), (CAR, 20, 2, 8, 20))
    images: dict[str, MaskPair] = {f"more {i}": (one, two, None) for i in range(10)}
    images |= {f"right {i}": (two, two, None) for i in range(20)}
    car = scored(images)["classes"]["car"]
    assert car["count_error"] == pytest.approx(10 / 50)
    low, high = car["count_interval"]
    assert 0.05 < low < 0.2 < high < 0.45
    assert scored({"a": (two, one, None)})["classes"]["car"]["count_error"] == -0.5


def test_a_table_without_thing_classes_has_no_scores() -> None:
    scores = DetectionScores(ClassTable(("ground", "water"), ((0, 0, 0), (1, 1, 1))))
    scores.update("a", np.eye(9, dtype=np.uint8), np.eye(9, dtype=np.uint8), None)
    assert scores.compute() is None


def test_an_area_at_a_limit_belongs_to_the_larger_size() -> None:
    truth = np.zeros((200, 200), np.uint8)
    truth[:32, :32], truth[100:196, 100:196], truth[100:131, :33] = CAR, CAR, PERSON
    scores = scored({"a": (truth, truth, None)})
    assert [row["truth"] for row in scores["sizes"]] == [1, 1, 1, 0, 0]


def test_the_error_of_the_number_has_an_interval_over_images_but_not_of_a_single_one() -> None:
    one, two = rectangles((CAR, 2, 2, 8, 20)), rectangles((CAR, 2, 2, 8, 20), (CAR, 20, 2, 8, 20))
    alone = scored({"a": (one, two, None)})["classes"]["car"]
    assert (alone["count_error"], alone["count_interval"]) == (1, None)
    several = scored({"a": (one, two, None), "b": (one, one, None)})["classes"]["car"]
    assert (several["count_error"], several["count_interval"]) == (0.5, [0, 1])
    assert several["map"] is not None and scored({"a": (ground(), one, None)})["classes"]["car"]["count_error"] is None
