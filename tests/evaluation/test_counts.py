import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from segdrone.classes import ClassTable
from segdrone.evaluation.counts import count_image, stack_counts

TABLE = ClassTable(names=("land", "water", "ice"), colours=((0, 0, 0), (0, 0, 255), (9, 9, 9)))
IGNORED = TABLE.ignore_index


def masks(seed: int, height: int, width: int, ignored: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A true and a predicted mask with the same ignored pixels."""
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, 3, (2, height, width), dtype=np.uint8)
    if ignored:
        truth[rng.random(truth.shape) < 0.2] = IGNORED
    prediction[truth == IGNORED] = IGNORED
    return truth, prediction


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 40))
def test_the_confusion_matrix_equals_that_of_scikit_learn(seed: int, height: int, width: int) -> None:
    truth, prediction = masks(seed, height, width)
    labeled = truth != IGNORED
    expected = np.zeros((3, 3), int)
    if labeled.any():
        expected = confusion_matrix(truth[labeled], prediction[labeled], labels=range(3))
    assert count_image(truth, prediction, None, TABLE).confusion.tolist() == expected.tolist()


def test_confidence_is_counted_at_labeled_pixels() -> None:
    truth = np.array([[0, 1, IGNORED, 2]], np.uint8)
    prediction = np.array([[0, 0, IGNORED, 2]], np.uint8)
    confidence = np.array([[255, 100, 100, 255]], np.uint8)
    wrong, right = count_image(truth, prediction, confidence, TABLE).confidence
    assert {int(level): int(wrong[level]) for level in wrong.nonzero()[0]} == {100: 1}
    assert {int(level): int(right[level]) for level in right.nonzero()[0]} == {255: 2}


def test_an_unknown_confidence_counts_as_zero() -> None:
    truth, prediction = masks(0, 5, 5)
    assert not count_image(truth, prediction, None, TABLE).confidence.any()


@pytest.mark.parametrize("seed", range(4))
def test_boundaries_are_counted_per_class(seed: int) -> None:
    from tests.evaluation.test_boundary import boundary_of_class

    truth, prediction = (np.kron(mask, np.ones((6, 5), np.uint8)) for mask in masks(seed, 9, 11))
    counted = count_image(truth, prediction, None, TABLE).boundary
    for class_id in range(3):
        true, predicted = (boundary_of_class(mask == class_id) for mask in (truth, prediction))
        assert counted[:, class_id].tolist() == [(true & predicted).sum(), true.sum(), predicted.sum()]


def test_counts_are_stacked_in_order() -> None:
    one, two = (count_image(*masks(seed, 4, 4), None, TABLE) for seed in (0, 1))
    both = stack_counts([one, two])
    assert [part.shape for part in both] == [(2, 3, 3), (2, 3, 3), (2, 2, 256)]
    for part, first, second in zip(both, one, two, strict=True):
        assert (part == [first, second]).all()
