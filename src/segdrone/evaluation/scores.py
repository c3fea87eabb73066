"""Compute the scores of a set of images from their counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.evaluation.counts import CONFIDENCE_LEVELS, Counts

Values = NDArray[np.float64]

OVERALL_SCORES = {
    "miou": "mIoU",
    "boundary_miou": "boundary mIoU",
    "dice": "Dice / F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "pixel accuracy",
    "fwiou": "frequency-weighted IoU",
    "miou_per_image": "mIoU per image",
    "accuracy_per_image": "accuracy per image",
    "ece": "calibration error",
}
"""Scores of a set: their keys in metrics.json and their names. `ece` is better when lower, all others when higher."""

CALIBRATION_BINS = 15
"""Bins of confidence, as in Guo et al."""


@dataclass(frozen=True)
class Scores:
    """Scores of a set of images, 0 to 1; NaN if there is nothing to divide by.

    Counts are summed over the set before they are divided, except for scores per image. Means over classes skip
    classes with NaN.

    Attributes:
        overall: By the keys of `OVERALL_SCORES`:

            - `miou`, `boundary_miou`, `dice`, `precision`, `recall`: means over classes of the scores below. Mean
              recall is also called mean accuracy.
            - `accuracy`: share of labeled pixels that are predicted right.
            - `fwiou`: mean IoU weighted by the share of each class in the true pixels (Long et al., Fully
              Convolutional Networks, CVPR 2015, section 5).
            - `miou_per_image`: the score of the tutorial: mean IoU over the classes in the truth of each image, then
              the mean over images.
            - `accuracy_per_image`: accuracy of each image, then the mean over images.
            - `ece`: expected calibration error: absolute difference of confidence and accuracy, averaged over the
              pixels in 15 bins of confidence (Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
              equation 3); 0 is perfect; NaN if the confidence is unknown.
        classes: Scores per class, each `[C]`:

            - `iou`: intersection over union of truth and prediction (Jaccard); NaN for a class in neither.
            - `dice`: twice the intersection over the sum of both areas (F1); NaN for a class in neither.
            - `precision`: share of the predicted pixels that are right; NaN for a class that is never predicted.
            - `recall`: share of the true pixels that are found, also called class accuracy; NaN for a class that
              the truth lacks.
            - `boundary_iou`: IoU of the boundaries (see `boundary`); NaN for a class in neither.
            - `truth_share`, `predicted_share`: share of the labeled pixels.
        images: Scores per image, each `[N]`: `miou` and `accuracy`, as in the scores per image.
    """

    overall: dict[str, float]
    classes: dict[str, Values]
    images: dict[str, Values]


def score(counts: Counts) -> Scores:
    """Computes the scores of a set of images.

    Args:
        counts: Counts of N images, stacked along a first axis.

    Example:
        >>> from segdrone.classes import ClassTable
        >>> from segdrone.evaluation.counts import count_image, stack_counts
        >>> table = ClassTable(names=("road", "grass"), colours=((90, 90, 90), (10, 180, 60)))
        >>> truth, prediction = np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 1, 1, 1]], np.uint8)
        >>> scores = score(stack_counts([count_image(truth, prediction, None, table)]))
        >>> round(scores.overall["accuracy"], 2)
        0.75
        >>> scores.classes["iou"].round(2).tolist()
        [0.5, 0.67]
    """
    stats = PerImageStats(counts)
    overall, classes = stats.weighted_scores(np.ones((1, len(counts.confusion))))
    total = counts.confusion.sum((0, 1, 2)).astype(float)
    shares = {
        "truth_share": _ratio(counts.confusion.sum((0, 2)), total),
        "predicted_share": _ratio(counts.confusion.sum((0, 1)), total),
    }
    return Scores(
        {name: float(values[0]) for name, values in overall.items()},
        {**{name: values[0] for name, values in classes.items()}, **shares},
        {"miou": stats.miou, "accuracy": stats.accuracy},
    )


class PerImageStats:
    """Sums per image that scores are computed from, so that any weighting of the images can be scored.

    Args:
        counts: Counts of N images, stacked along a first axis.

    Attributes:
        miou: Mean IoU over the classes in the truth of each image, `[N]`.
        accuracy: Share of labeled pixels of each image that are predicted right, `[N]`.
    """

    def __init__(self, counts: Counts) -> None:
        confusion = counts.confusion
        self._hits = np.diagonal(confusion, axis1=1, axis2=2).astype(float)
        self._truth, self._predicted = confusion.sum(2).astype(float), confusion.sum(1).astype(float)
        self._boundary = counts.boundary.astype(float)
        self._bins = confidence_bins(counts.confidence)
        union = self._truth + self._predicted - self._hits
        self.miou = _mean(_ratio(self._hits, np.where(self._truth > 0, union, 0)))
        self.accuracy = _ratio(self._hits.sum(1), self._truth.sum(1))

    def weighted_scores(self, weights: Values) -> tuple[dict[str, Values], dict[str, Values]]:
        """Computes the scores of R weightings of the images, such as bootstrap resamples.

        Args:
            weights: How often each image counts, `[R, N]`.

        Returns:
            Overall scores, each `[R]`, and scores per class, each `[R, C]`.
        """
        hits, truth, predicted = (weights @ part for part in (self._hits, self._truth, self._predicted))
        shared_edge, true_edge, predicted_edge = (weights @ self._boundary[:, part] for part in range(3))
        classes = {
            "iou": _ratio(hits, truth + predicted - hits),
            "dice": _ratio(2 * hits, truth + predicted),
            "precision": _ratio(hits, predicted),
            "recall": _ratio(hits, truth),
            "boundary_iou": _ratio(shared_edge, true_edge + predicted_edge - shared_edge),
        }
        means = {"miou": "iou", "boundary_miou": "boundary_iou"} | {key: key for key in ("dice", "precision", "recall")}
        pixels, right, confidence = (weights @ self._bins[:, part] for part in range(3))
        values = {name: _mean(classes[key]) for name, key in means.items()} | {
            "accuracy": _ratio(hits.sum(1), truth.sum(1)),
            "fwiou": _ratio(np.nansum(truth * classes["iou"], 1), truth.sum(1)),
            "miou_per_image": _weighted_mean(self.miou, weights),
            "accuracy_per_image": _weighted_mean(self.accuracy, weights),
            "ece": _ratio(np.abs(right - confidence).sum(1), pixels.sum(1)),
        }
        return {name: values[name] for name in OVERALL_SCORES}, classes


def confidence_bins(levels: NDArray[np.int64]) -> Values:
    """Sums levels of confidence in bins.

    Args:
        levels: `Counts.confidence`, `[..., 2, 256]`.

    Returns:
        Pixels, right pixels and sum of confidences per bin, `[..., 3, CALIBRATION_BINS]`.
    """
    confidence = np.arange(CONFIDENCE_LEVELS) / (CONFIDENCE_LEVELS - 1)
    first_levels = np.ceil(np.arange(CALIBRATION_BINS) * (CONFIDENCE_LEVELS - 1) / CALIBRATION_BINS).astype(int)
    pixels = levels.sum(-2).astype(float)
    parts = np.stack([pixels, levels[..., 1, :].astype(float), pixels * confidence], -2)
    return np.add.reduceat(parts, first_levels, axis=-1)


def _ratio(numerator: Any, denominator: Any) -> Values:
    """Divides counts; NaN where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    ratio: Values = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def _mean(values: Values) -> Values:
    """Averages along the last axis, skipping NaN."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(-1), known.sum(-1))


def _weighted_mean(values: Values, weights: Values) -> Values:
    """Averages values `[N]` with each row of weights `[R, N]`, skipping NaN."""
    known = ~np.isnan(values)
    return _ratio(weights @ np.where(known, values, 0), weights @ known.astype(float))
