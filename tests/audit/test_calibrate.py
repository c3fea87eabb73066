from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segdrone.audit.calibrate import class_probabilities, doubted

CLASSES, PER_PHOTOGRAPH, PHOTOGRAPHS = 4, 40, 10


def confused(seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Returns true classes, what a model says that calls half of class 3 class 0, and photographs."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, PER_PHOTOGRAPH * PHOTOGRAPHS)
    said = np.where((truth == 3) & (rng.random(len(truth)) < 0.5), 0, truth)
    logits = rng.normal(0, 0.7, (len(truth), CLASSES)) + 4 * np.eye(CLASSES)[said]
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return truth, logs.astype(np.float32), np.arange(len(truth)) // PER_PHOTOGRAPH


def recall(scores: NDArray[np.float32], wrong: NDArray[np.bool_]) -> float:
    """Returns the share of the wrong labels among the twice as many first ones."""
    return float(wrong[np.argsort(scores)[: 2 * wrong.sum()]].mean() * 2)


def test_what_a_model_always_confuses_is_not_doubted_first() -> None:
    truth, logs, photographs = confused(0)
    rng = np.random.default_rng(1)
    wrong = rng.permutation(len(truth)) < 12
    labels = np.where(wrong, (truth + rng.integers(1, 3, len(truth))) % CLASSES, truth)
    every = np.arange(len(labels))
    probabilities = class_probabilities(logs, np.zeros((len(labels), 0), np.float32), labels, photographs)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert recall(probabilities[every, labels], wrong) > recall(logs[every, labels], wrong) + 0.2


def test_a_region_is_judged_without_the_labels_of_its_photograph() -> None:
    truth, logs, photographs = confused(2)
    own = photographs == 4
    labels = np.where(own, 2, truth)
    probabilities = class_probabilities(logs, own[:, None].astype(np.float32), labels, photographs)
    assert (probabilities.argmax(1) == logs.argmax(1))[own].mean() > 0.8


def test_a_single_photograph_keeps_the_probabilities_of_the_model() -> None:
    _, logs, _ = confused(3)
    found = class_probabilities(logs, logs, np.zeros(len(logs), np.int64), np.zeros(len(logs), np.int64))
    np.testing.assert_allclose(found, np.exp(logs), rtol=1e-5)


def test_labels_of_a_class_that_is_hard_for_the_model_are_not_doubted() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.95, 0.05]], np.float32)
    assert doubted(probabilities, np.array([0, 0, 1, 1, 1])).tolist() == [False, False, False, False, True]


def test_photographs_without_a_trusted_label_teach_nothing() -> None:
    truth, logs, photographs = confused(4)
    second = photographs >= PHOTOGRAPHS // 2
    labels = np.where(second, 1, np.where(truth == 1, 2, truth))  # one class, which the model sees nowhere there
    logs = logs.copy()
    logs[second, 1] = np.log(1e-9)
    found = class_probabilities(logs, np.zeros((len(logs), 0), np.float32), labels, second.astype(np.int64))
    assert np.isfinite(found).all()
