import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_f1_score,
    multiclass_jaccard_index,
)

from segdrone.classes import ClassTable
from segdrone.evaluation.counts import Counts, count_image, stack_counts
from segdrone.evaluation.scores import OVERALL_SCORES, Scores, score

SIX = ClassTable(names=tuple("abcdef"), colours=((0, 0, 0),) * 6)


def of(*confusions: np.ndarray) -> Scores:
    classes = len(confusions[0])
    nothing = np.zeros((3, classes), np.int64), np.zeros((2, 256), np.int64)
    return score(stack_counts([Counts(confusion, *nothing) for confusion in confusions]))


def test_scores_computed_by_hand() -> None:
    # Classes 0..3: class 2 is only predicted, class 3 is absent.
    x = np.array([[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    y = np.array([[4, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    scores = of(x, y)
    iou, recall, precision = (scores.classes[key] for key in ("iou", "recall", "precision"))
    assert iou[:3].tolist() == pytest.approx([6 / 7, 1 / 3, 0])
    assert math.isnan(iou[3])
    assert scores.overall["miou"] == pytest.approx((6 / 7 + 1 / 3 + 0) / 3)
    # The score of the tutorial: class 2 is not in the truth of x, so it is skipped there.
    assert scores.images["miou"].tolist() == pytest.approx([(2 / 3 + 1 / 3) / 2, 1])
    assert scores.overall["miou_per_image"] == pytest.approx((0.5 + 1) / 2)
    assert scores.overall["accuracy"] == pytest.approx(7 / 9)
    assert scores.overall["accuracy_per_image"] == pytest.approx((3 / 5 + 1) / 2)
    assert recall[:2].tolist() == pytest.approx([6 / 7, 1 / 2])
    assert np.isnan(recall).tolist() == [False, False, True, True]  # not in the truth
    assert precision[:3].tolist() == pytest.approx([1, 1 / 2, 0])
    assert np.isnan(precision).tolist() == [False, False, False, True]  # never predicted
    assert scores.overall["fwiou"] == pytest.approx(7 / 9 * 6 / 7 + 2 / 9 * 1 / 3)
    assert scores.classes["truth_share"].tolist() == pytest.approx([7 / 9, 2 / 9, 0, 0])
    assert scores.classes["predicted_share"].tolist() == pytest.approx([6 / 9, 2 / 9, 1 / 9, 0])


def test_scores_equal_those_of_scikit_learn_and_torchmetrics() -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 6, (2, 4, 500))
    prediction = np.where(rng.random(truth.shape) < 0.4, truth, prediction)
    scores = of(*(confusion_matrix(t, p, labels=range(6)) for t, p in zip(truth, prediction, strict=True)))
    true, predicted = truth.ravel(), prediction.ravel()
    for key, metric in {
        "iou": jaccard_score, "dice": f1_score, "precision": precision_score, "recall": recall_score,
    }.items():  # fmt: skip
        assert scores.classes[key] == pytest.approx(metric(true, predicted, average=None))
        assert scores.overall["miou" if key == "iou" else key] == pytest.approx(
            metric(true, predicted, average="macro")
        )
    assert scores.overall["accuracy"] == pytest.approx(accuracy_score(true, predicted))
    assert scores.overall["recall"] == pytest.approx(balanced_accuracy_score(true, predicted))
    assert scores.overall["fwiou"] == pytest.approx(jaccard_score(true, predicted, average="weighted"))
    assert scores.overall["miou_per_image"] == pytest.approx(
        np.mean([jaccard_score(t, p, average="macro") for t, p in zip(truth, prediction, strict=True)])
    )
    pair = torch.from_numpy(predicted), torch.from_numpy(true)
    functions: dict[str, Callable[..., torch.Tensor]] = {
        "iou": multiclass_jaccard_index, "dice": multiclass_f1_score, "recall": multiclass_accuracy,
    }  # fmt: skip
    for key, function in functions.items():
        assert scores.classes[key] == pytest.approx(function(*pair, num_classes=6, average="none").numpy())


def test_the_calibration_error_equals_that_of_torchmetrics() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 6, (3, 60, 70), dtype=np.uint8)
    logits = rng.normal(0, 2, (3, 60, 70, 6)) + 2 * np.eye(6)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    prediction = probabilities.argmax(-1).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.1] = prediction[truth == 255] = 255
    levels = (probabilities.max(-1) * 255).round().astype(np.uint8)
    found = score(
        stack_counts([count_image(*photograph, SIX) for photograph in zip(truth, prediction, levels, strict=True)])
    )
    tensors = torch.from_numpy(probabilities).permute(0, 3, 1, 2), torch.from_numpy(truth).long()
    theirs = multiclass_calibration_error(*tensors, num_classes=6, n_bins=15, norm="l1", ignore_index=255).item()
    assert theirs > 0.02
    assert found.overall["ece"] == pytest.approx(theirs, abs=1 / 510)  # levels are 1/255 apart


def test_the_calibration_error_computed_by_hand() -> None:
    # 4 pixels of level 255, 3 right: 0.25 apart. 6 pixels of level 51 (0.2), none right: 0.2 apart.
    truth = np.array([[0] * 10], np.uint8)
    prediction = np.array([[0, 0, 0, 1] + [1] * 6], np.uint8)
    confidence = np.array([[255] * 4 + [51] * 6], np.uint8)
    found = score(stack_counts([count_image(truth, prediction, confidence, SIX)]))
    assert found.overall["ece"] == pytest.approx(0.4 * 0.25 + 0.6 * 0.2)


def test_the_boundary_iou_computed_by_hand() -> None:
    truth = np.zeros((30, 40), np.uint8)  # the boundary is one pixel wide
    prediction = truth.copy()
    truth[10:14, 10:14] = 1
    prediction[10:14, 11:15] = 1  # one pixel to the right
    found = score(stack_counts([count_image(truth, prediction, None, SIX)])).classes
    assert found["iou"][1] == pytest.approx(12 / 20)
    assert found["boundary_iou"][1] == pytest.approx(6 / 18)  # rings of 12; they share 3 pixels above and 3 below
    assert np.isnan(found["boundary_iou"][2:]).all()


def test_the_boundary_iou_of_a_perfect_prediction_is_1_with_ignored_pixels() -> None:
    truth = np.random.default_rng(0).integers(0, 3, (20, 30), dtype=np.uint8).repeat(5, 0).repeat(5, 1)
    truth[40:60, 50:90] = 255
    found = score(stack_counts([count_image(truth, truth.copy(), None, SIX)]))
    assert found.overall["boundary_miou"] == found.overall["miou"] == 1


def test_an_image_without_labels_has_no_score_and_changes_no_other() -> None:
    scores = of(np.eye(2, dtype=np.int64), np.zeros((2, 2), np.int64))
    assert math.isnan(scores.images["miou"][1])
    assert scores.overall["miou_per_image"] == scores.overall["accuracy_per_image"] == scores.overall["miou"] == 1


def test_a_single_class_is_scored() -> None:
    scores = of(np.array([[7, 0], [0, 0]]))
    assert scores.overall["miou"] == scores.overall["accuracy"] == scores.overall["fwiou"] == 1
    assert np.isnan(scores.classes["iou"]).tolist() == [False, True]


def test_scores_without_labeled_pixels_are_nan() -> None:
    scores = of(np.zeros((2, 2), np.int64))
    assert scores.overall.keys() == OVERALL_SCORES.keys()
    assert all(math.isnan(value) for value in scores.overall.values())


def test_the_calibration_error_is_unknown_without_confidence() -> None:
    scores = of(np.eye(2, dtype=np.int64))
    assert math.isnan(scores.overall["ece"])
