"""What DetectionScores keeps of each image."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

from segdrone.evaluation.detection import MAX_DETECTIONS, DetectionScores
from tests.helpers.random_masks import CAR, PERSON, TABLE, blobs, rectangles, scored


def test_scores_do_not_depend_on_the_order_of_images() -> None:
    images = {name: (truth, prediction, None) for name, (truth, prediction, _) in blobs(7).items()}
    expected = scored(images)
    for names in itertools.permutations(images):
        assert scored({name: images[name] for name in names}) == expected


def test_an_image_that_is_added_twice_counts_once() -> None:
    scores = DetectionScores(TABLE)
    for _ in range(2):
        scores.update("a", rectangles((CAR, 2, 2, 8, 20)), rectangles((CAR, 2, 2, 8, 20)), None)
    computed = scores.compute()
    assert computed is not None and computed["classes"]["car"]["truth"] == 1


def test_sync_of_a_single_process_changes_nothing() -> None:
    scores = DetectionScores(TABLE)
    for name, one in blobs(0).items():
        scores.update(name, *one)
    before = scores.compute()
    scores.sync()
    assert scores.compute() == before


def test_a_large_image_needs_little_memory() -> None:
    truth = np.zeros((2000, 3000), np.uint8)
    for top, left in itertools.product(range(20, 1900, 125), range(20, 2900, 150)):
        truth[top : top + 30, left : left + 60] = CAR
    scores = DetectionScores(TABLE)
    scores.update("a", truth, truth, truth)
    computed = scores.compute()
    assert computed is not None
    car = computed["classes"]["car"]
    assert (car["map"], car["truth"], car["predicted"], car["found"]) == (1, 320, 320, 320)
    assert len(pickle.dumps(scores.images)) < 640 * 500  # bytes; as masks they would take 640 x 6,000,000


def test_only_the_most_confident_objects_are_kept() -> None:
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
    car = computed["classes"]["car"]
    assert (car["map"], car["truth"], car["predicted"], car["found"]) == (1.0, 2, 67**2 - 1, 2)
    sure[0, 0] = 99
    scores.update("a", truth, prediction, sure)
    computed = scores.compute()
    assert computed is not None
    assert computed["classes"]["car"]["found"] == 1
    assert computed["classes"]["car"]["map"] == pytest.approx(51 / 101)
    assert len(scores.images["a"].predicted) == MAX_DETECTIONS + 1
