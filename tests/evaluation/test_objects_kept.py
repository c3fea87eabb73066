"""What is kept of each photograph until its objects are scored."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

from segdrone.evaluation.detection import MAX_DETECTIONS, DetectionScores
from tests.helpers.random_masks import CAR, PERSON, TABLE, blobs, drawn, scored


def test_the_order_of_photographs_is_no_matter() -> None:
    photographs = {name: (truth, prediction, None) for name, (truth, prediction, _) in blobs(7).items()}
    expected = scored(photographs)
    for names in itertools.permutations(photographs):
        assert scored({name: photographs[name] for name in names}) == expected


def test_a_photograph_seen_twice_counts_once() -> None:
    scores = DetectionScores(TABLE)
    for _ in range(2):
        scores.update("a", drawn((CAR, 2, 2, 8, 20)), drawn((CAR, 2, 2, 8, 20)), None)
    computed = scores.compute()
    assert computed is not None and computed["classes"]["car"]["truth"] == 1


def test_a_single_process_gathers_what_it_has() -> None:
    scores = DetectionScores(TABLE)
    for name, one in blobs(0).items():
        scores.update(name, *one)
    before = scores.compute()
    scores.sync()
    assert scores.compute() == before


def test_of_a_large_photograph_little_is_kept() -> None:
    truth = np.zeros((2000, 3000), np.uint8)
    for top, left in itertools.product(range(20, 1900, 125), range(20, 2900, 150)):
        truth[top : top + 30, left : left + 60] = CAR
    scores = DetectionScores(TABLE)
    scores.update("a", truth, truth, truth)
    computed = scores.compute()
    assert computed is not None and computed["classes"]["car"] == {
        "map": 1,
        "truth": 320,
        "predicted": 320,
        "found": 320,
    }
    assert len(pickle.dumps(scores.images)) < 640 * 500  # bytes; as masks they would take 640 x 6,000,000


def test_more_predicted_objects_than_count_are_not_kept() -> None:
    prediction = np.zeros((200, 200), np.uint8)
    prediction[::3, ::3] = CAR
    prediction[100:105, 100:105] = PERSON
    truth, sure = np.zeros_like(prediction), np.full_like(prediction, 100)
    truth[198, 198] = truth[0, 0] = CAR  # the last one and the first one
    sure[198, 198] = 101
    scores = DetectionScores(TABLE)
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
    assert len(scores.images["a"].predicted) == MAX_DETECTIONS + 1
