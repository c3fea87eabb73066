import numpy as np
import pytest

from segdrone.evaluation.bootstrap import RESAMPLES, interval, resample
from segdrone.evaluation.counts import Counts
from segdrone.evaluation.scores import score


def counts_of(right: np.ndarray, pixels: int = 100) -> Counts:
    """Images of two classes with `pixels` pixels each, of which `right` are predicted right."""
    wrong = pixels - right
    confusion = np.stack([np.stack([right, wrong], -1), np.stack([wrong, right], -1)], 1)
    images = len(right)
    return Counts(confusion, np.zeros((images, 3, 2), int), np.zeros((images, 2, 256), int))


def test_the_interval_of_accuracy_is_the_interval_of_a_mean() -> None:
    right = np.random.default_rng(0).integers(40, 100, 80)  # all images have the same size, so accuracy is a mean
    counts = counts_of(right)
    (resamples,) = resample(counts)
    low, high = interval(resamples.overall["accuracy"])
    error = (right / 100).std() / np.sqrt(len(right))
    assert score(counts).overall["accuracy"] == pytest.approx((right / 100).mean())
    assert (low, high) == pytest.approx(
        (right.mean() / 100 - 1.96 * error, right.mean() / 100 + 1.96 * error), abs=2e-3
    )
    assert resamples.overall["accuracy"].shape == (RESAMPLES,)
    assert resamples.classes["iou"].shape == (RESAMPLES, 2)


def test_the_same_counts_give_the_same_interval() -> None:
    counts = counts_of(np.arange(50, 90))
    first, second = (interval(resample(counts)[0].overall["miou"]) for _ in range(2))
    assert (first == second).all()


def test_differences_are_paired() -> None:
    right = np.random.default_rng(1).integers(40, 90, 60)
    worse, better = resample(counts_of(right), counts_of(right + 2))
    low, high = interval(better.overall["accuracy"] - worse.overall["accuracy"])
    assert low == pytest.approx(0.02) and high == pytest.approx(0.02)  # although each varies by much more
    alone = interval(worse.overall["accuracy"])
    assert np.ptp(alone) > 0.05


def test_the_interval_contains_the_true_value_as_often_as_its_level_says() -> None:
    rng = np.random.default_rng(2)
    truth, tries = 0.7, 25
    covered = 0
    for _ in range(tries):
        (resamples,) = resample(counts_of(rng.binomial(100, truth, 40)))
        low, high = interval(resamples.overall["accuracy"])
        covered += low <= truth <= high
    assert covered >= 21  # 24 expected


def test_resamples_without_a_class_are_skipped() -> None:
    confusion = np.zeros((8, 2, 2), int)
    confusion[:, 0, 0] = 10
    confusion[0, 1] = [1, 3]  # class 1 is in one image only
    counts = Counts(confusion, np.zeros((8, 3, 2), int), np.zeros((8, 2, 256), int))
    (resamples,) = resample(counts)
    missing = np.isnan(resamples.classes["iou"][:, 1]).mean()
    assert missing == pytest.approx((7 / 8) ** 8, abs=0.03)
    assert interval(resamples.classes["iou"][:, 1]).tolist() == pytest.approx([0.75, 0.75])


def test_a_score_unknown_in_all_resamples_has_no_interval() -> None:
    (resamples,) = resample(counts_of(np.array([50, 60])))
    assert np.isnan(interval(resamples.overall["ece"])).all()
