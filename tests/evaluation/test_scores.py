import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from segdrone.evaluation.scores import score


def test_hand_counted_case() -> None:
    # Classes 0..3; class 2 is predicted only, class 3 is in neither.
    x = np.array([[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    y = np.array([[4, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    scores = score({"x": x, "y": y})
    assert scores.iou[:3].tolist() == pytest.approx([6 / 7, 1 / 3, 0])
    assert math.isnan(scores.iou[3])
    assert scores.miou == pytest.approx((6 / 7 + 1 / 3 + 0) / 3)
    # The tutorial's figure: class 2 is not in x's truth, so it does not count there.
    assert scores.photographs == {"x": pytest.approx((2 / 3 + 1 / 3) / 2), "y": pytest.approx(1)}
    assert scores.miou_per_image == pytest.approx((0.5 + 1) / 2)
    assert scores.accuracy == pytest.approx(7 / 9)
    assert scores.accuracy_per_image == pytest.approx((3 / 5 + 1) / 2)
    assert scores.class_accuracy[:2].tolist() == pytest.approx([6 / 7, 1 / 2])
    assert math.isnan(scores.class_accuracy[2])
    assert scores.truth_share.tolist() == pytest.approx([7 / 9, 2 / 9, 0, 0])
    assert scores.predicted_share.tolist() == pytest.approx([6 / 9, 2 / 9, 1 / 9, 0])


def test_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 6, (2, 4, 500))
    photographs = list(zip(truth, prediction, strict=True))
    counts = {str(i): confusion_matrix(t, p, labels=range(6)) for i, (t, p) in enumerate(photographs)}
    scores = score(counts)
    assert scores.iou == pytest.approx(jaccard_score(truth.ravel(), prediction.ravel(), average=None))
    assert scores.dice == pytest.approx(f1_score(truth.ravel(), prediction.ravel(), average="macro"))
    assert scores.miou_per_image == pytest.approx(
        np.mean([jaccard_score(t, p, average="macro", labels=np.unique(t)) for t, p in photographs])
    )


def test_a_photograph_without_labels_has_no_score_and_spoils_none() -> None:
    scores = score({"x": np.eye(2, dtype=np.int64), "empty": np.zeros((2, 2), np.int64)})
    assert math.isnan(scores.photographs["empty"])
    assert scores.miou_per_image == scores.accuracy_per_image == scores.miou == 1


def test_nothing_labelled_at_all_is_nan_rather_than_0() -> None:
    scores = score({"empty": np.zeros((2, 2), np.int64)})
    assert all(math.isnan(v) for v in (scores.miou, scores.accuracy, scores.miou_per_image, scores.dice))
