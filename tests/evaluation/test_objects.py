"""Objects of predicted masks compared with true ones."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import pickle
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

from segdrone.classes import ClassTable
from segdrone.evaluation.objects import IOUS, MOST, RECALLS, SIZES, ObjectScores
from segdrone.inference.objects import coco, countable, find_objects

TABLE = ClassTable(("ground", "person", "dog", "car"), ((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)))
GROUND, PERSON, DOG, CAR, IGNORED = 0, 1, 2, 3, 255

Mask = NDArray[np.uint8]
Photograph = tuple[Mask, Mask, Mask | None]  # truth, prediction, confidence


def ground(height: int = 40, width: int = 60) -> Mask:
    return np.zeros((height, width), np.uint8)


def drawn(*places: tuple[int, int, int, int, int]) -> Mask:
    """Ground with rectangles: class, top, left, height, width."""
    mask = ground()
    for class_id, top, left, height, width in places:
        mask[top : top + height, left : left + width] = class_id
    return mask


def scored(photographs: Mapping[str, Photograph], table: ClassTable = TABLE) -> dict[str, Any]:
    scores = ObjectScores(table)
    for name, (truth, prediction, confidence) in photographs.items():
        scores.update(name, truth, prediction, confidence)
    computed = scores.compute()
    assert computed is not None
    assert json.loads(json.dumps(computed, allow_nan=False)) == computed
    return computed


def blobs(seed: int) -> dict[str, Photograph]:
    """Photographs of discs of three classes, predicted with shifts, losses, inventions and wrong classes."""
    rng = np.random.default_rng(seed)
    photographs: dict[str, Photograph] = {}
    for name in "abcd":
        truth, prediction = np.zeros((2, 120, 160), np.uint8)
        for _ in range(14):
            class_id, radius = int(rng.integers(1, 4)), int(rng.integers(1, 12))
            x, y, dx, dy = (int(value) for value in (*rng.integers(0, 160, 2), *rng.integers(-2, 3, 2)))
            if rng.random() < 0.8:
                cv2.circle(truth, (x, y), radius, class_id, cv2.FILLED)
            if rng.random() < 0.8:
                guess = class_id if rng.random() < 0.8 else int(rng.integers(1, 4))
                cv2.circle(prediction, (x + dx, y + dy), radius + int(rng.integers(0, 2)), guess, cv2.FILLED)
        truth[: int(rng.integers(1, 20)), :50] = IGNORED
        prediction[truth == IGNORED] = IGNORED
        photographs[name] = truth, prediction, rng.integers(0, 256, truth.shape, dtype=np.uint8)
    return photographs


def regions(mask: Mask, class_id: int) -> list[NDArray[np.bool_]]:
    count, labels = cv2.connectedComponents((mask == class_id).view(np.uint8), connectivity=8)
    return [labels == label for label in range(1, count)]


def dense(photographs: Iterable[Photograph]) -> dict[str, Any]:
    """What torchmetrics says of whole masks given to its own `update`."""
    metric = MeanAveragePrecision(iou_type="segm", iou_thresholds=IOUS, rec_thresholds=RECALLS, class_metrics=True)
    for truth, prediction, confidence in photographs:
        true = [(class_id, region) for class_id in (PERSON, DOG, CAR) for region in regions(truth, class_id)]
        found = [(class_id, region) for class_id in (PERSON, DOG, CAR) for region in regions(prediction, class_id)]
        assert true and found and confidence is not None
        scores = [confidence[region].mean() / 255 for _, region in found]
        metric.update(
            [{**stacked(found), "scores": torch.tensor(np.array(scores))}],
            [stacked(true)],
        )
    computed: dict[str, Any] = metric.compute()
    return computed


def stacked(objects: list[tuple[int, NDArray[np.bool_]]]) -> dict[str, torch.Tensor]:
    masks = torch.tensor(np.stack([region for _, region in objects]))
    return {"masks": masks, "labels": torch.tensor([class_id for class_id, _ in objects])}


def by_coco(photographs: Mapping[str, Photograph]) -> dict[str, float]:
    """What COCOeval says of the documents of objects, which name photographs without objects too."""
    readers = []
    for place in (0, 1):
        sized = {name: (one[0].shape, find_objects(one[place], one[2], TABLE)) for name, one in photographs.items()}
        readers.append(reader := COCO())
        reader.dataset = coco(sized, TABLE)
        with contextlib.redirect_stdout(io.StringIO()):
            reader.createIndex()
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(*readers, "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(("map", "map_50", "map_75"), evaluation.stats.tolist(), strict=False))


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
    assert [*scores["classes"]] == countable(TABLE)


def test_a_table_without_countable_classes_has_no_scores() -> None:
    scores = ObjectScores(ClassTable(("ground", "water"), ((0, 0, 0), (1, 1, 1))))
    scores.update("a", np.eye(9, dtype=np.uint8), np.eye(9, dtype=np.uint8), None)
    assert scores.compute() is None


@pytest.mark.parametrize("seed", range(4))
def test_run_lengths_score_as_the_whole_masks_that_torchmetrics_takes(seed: int) -> None:
    photographs = blobs(seed)
    scores, expected = scored(photographs), dense(photographs.values())
    for name in ("map", "map_50", "map_75"):
        assert scores[name] == pytest.approx(expected[name].item(), abs=1e-6)
    assert 0.05 < scores["map"] < 0.95
    by_class = dict(zip(expected["classes"].tolist(), expected["map_per_class"].tolist(), strict=True))
    assert [scores["classes"][name]["map"] for name in ("person", "dog", "car")] == pytest.approx(
        [by_class[class_id] for class_id in (PERSON, DOG, CAR)], abs=1e-6
    )


@pytest.mark.parametrize("seed", range(4))
def test_photographs_without_objects_score_as_coco_has_it(seed: int) -> None:
    photographs = blobs(seed)
    truth, prediction, confidence = photographs["a"]
    photographs["a"] = np.zeros_like(truth), prediction, confidence
    photographs["b"] = photographs["b"][0], np.zeros_like(truth), confidence
    photographs["e"] = np.zeros_like(truth), np.zeros_like(truth), confidence
    scores = scored(photographs)
    assert {name: scores[name] for name in ("map", "map_50", "map_75")} == pytest.approx(by_coco(photographs))


@pytest.mark.parametrize("seed", range(3))
def test_found_and_recall_by_size_are_those_of_whole_masks(seed: int) -> None:
    photographs = {
        name: tuple(None if mask is None else mask.repeat(8, 0).repeat(8, 1) for mask in one)
        for name, one in blobs(seed).items()
    }
    found: dict[int, list[tuple[int, bool]]] = {PERSON: [], DOG: [], CAR: []}
    for (truth, prediction, _), class_id in itertools.product(photographs.values(), found):
        assert truth is not None and prediction is not None
        predicted = regions(prediction, class_id)
        for true in regions(truth, class_id):
            hit = any((true & one).sum() / (true | one).sum() > 0.5 for one in predicted)
            found[class_id].append((int(true.sum()), hit))
    scores = scored(photographs)  # type: ignore[arg-type]
    for name, class_id in (("person", PERSON), ("dog", DOG), ("car", CAR)):
        assert scores["classes"][name]["truth"] == len(found[class_id])
        assert scores["classes"][name]["found"] == sum(hit for _, hit in found[class_id])
    areas, hits = (np.array(column) for column in zip(*itertools.chain(*found.values()), strict=True))
    rows = np.searchsorted(SIZES, areas, side="right") - 1
    assert [row["truth"] for row in scores["sizes"]] == np.bincount(rows, minlength=len(SIZES)).tolist()
    assert [row["found"] for row in scores["sizes"]] == np.bincount(rows[hits], minlength=len(SIZES)).tolist()
    assert sum(row["truth"] > 0 for row in scores["sizes"]) >= 3


def test_a_bound_belongs_to_the_larger_size() -> None:
    truth = np.zeros((200, 200), np.uint8)
    truth[:32, :32], truth[100:196, 100:196], truth[100:131, :33] = CAR, CAR, PERSON
    scores = scored({"a": (truth, truth, None)})
    assert [row["truth"] for row in scores["sizes"]] == [1, 1, 1, 0, 0]


def test_the_order_of_photographs_is_no_matter() -> None:
    photographs = {name: (truth, prediction, None) for name, (truth, prediction, _) in blobs(7).items()}
    expected = scored(photographs)
    for names in itertools.permutations(photographs):
        assert scored({name: photographs[name] for name in names}) == expected


def test_a_photograph_seen_twice_counts_once() -> None:
    scores = ObjectScores(TABLE)
    for _ in range(2):
        scores.update("a", drawn((CAR, 2, 2, 8, 20)), drawn((CAR, 2, 2, 8, 20)), None)
    computed = scores.compute()
    assert computed is not None and computed["classes"]["car"]["truth"] == 1


def test_a_single_process_gathers_what_it_has() -> None:
    scores = ObjectScores(TABLE)
    for name, one in blobs(0).items():
        scores.update(name, *one)
    before = scores.compute()
    scores.gather()
    assert scores.compute() == before


def test_of_a_large_photograph_little_is_kept() -> None:
    truth = np.zeros((2000, 3000), np.uint8)
    for top, left in itertools.product(range(20, 1900, 125), range(20, 2900, 150)):
        truth[top : top + 30, left : left + 60] = CAR
    scores = ObjectScores(TABLE)
    scores.update("a", truth, truth, truth)
    computed = scores.compute()
    assert computed is not None and computed["classes"]["car"] == {
        "map": 1,
        "truth": 320,
        "predicted": 320,
        "found": 320,
    }
    assert len(pickle.dumps(scores.photographs)) < 640 * 500  # bytes; as masks they would take 640 x 6,000,000


def test_more_predicted_objects_than_count_are_not_kept() -> None:
    prediction = np.zeros((200, 200), np.uint8)
    prediction[::3, ::3] = CAR
    prediction[100:105, 100:105] = PERSON
    truth, sure = np.zeros_like(prediction), np.full_like(prediction, 100)
    truth[198, 198] = truth[0, 0] = CAR  # the last one and the first one
    sure[198, 198] = 101
    scores = ObjectScores(TABLE)
    scores.update("a", truth, prediction, sure)
    computed = scores.compute()
    assert computed is not None
    assert computed["classes"]["car"] == {"map": 1.0, "truth": 2, "predicted": 67**2 - 1, "found": 2}
    sure[0, 0] = 99
    scores.update("a", truth, prediction, sure)
    computed = scores.compute()
    assert computed is not None
    assert computed["classes"]["car"]["found"] == 1
    assert computed["classes"]["car"]["map"] == pytest.approx(51 / 101)
    assert len(scores.photographs["a"].predicted) == MOST + 1
