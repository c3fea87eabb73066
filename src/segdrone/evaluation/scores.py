"""From counts of photographs to scores of the whole set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.evaluation.counts import LEVELS, Counts

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
"""Scores of a set, by their keys in metrics.json: what people call them. `ece` is better when lower."""

BINS = 15  # of confidence, as in Guo et al.


@dataclass(frozen=True)
class Scores:
    """Scores of a set of photographs, each from 0 to 1; NaN where there is nothing to divide by.

    Counts are summed over the set before anything is divided, but for the scores per image. Means over
    classes pass over those whose score is NaN.

    Attributes:
        overall: By the keys of `OVERALL_SCORES`:

            - `miou`, `boundary_miou`, `dice`, `precision`, `recall`: means over classes of those below.
              Mean recall is also called mean accuracy.
            - `accuracy`: share of labelled pixels predicted right.
            - `fwiou`: IoU, weighted by each class's share of the true pixels (Long et al., Fully
              Convolutional Networks, CVPR 2015, section 5).
            - `miou_per_image`: the tutorial's figure: in each photograph the mean IoU of the classes that
              its truth holds, then the mean over photographs.
            - `accuracy_per_image`: accuracy in each photograph, then the mean over photographs.
            - `ece`: expected calibration error, by how much confidence and accuracy differ, on average
              over the pixels in 15 bins of confidence (Guo et al., On Calibration of Modern Neural
              Networks, ICML 2017, equation 3); 0 is perfect; NaN where confidences are not known.
        classes: Of each class, `[C]`:

            - `iou`: pixels in truth and prediction by pixels in either (Jaccard); NaN for a class in neither.
            - `dice`: twice the pixels in both by the sum of those in each (F1); NaN likewise.
            - `precision`: share of its predicted pixels that are right; NaN where none is predicted.
            - `recall`: share of its true pixels that are found, also called the class's accuracy; NaN where
              the truth has none.
            - `boundary_iou`: IoU of the boundaries alone (`boundary`); NaN for a class in neither.
            - `truth_share`, `predicted_share`: its share of the labelled pixels.
        photographs: Of each photograph, `[N]`: `miou` and `accuracy`, as in the scores per image.
    """

    overall: dict[str, float]
    classes: dict[str, Values]
    photographs: dict[str, Values]


def score(counts: Counts) -> Scores:
    """Returns the scores of photographs from their counts, stacked along a first axis."""
    parts = PerImageStats(counts)
    overall, classes = parts.resampled(np.ones((1, len(counts.confusion))))
    total = counts.confusion.sum((0, 1, 2)).astype(float)
    shares = {
        "truth_share": _ratio(counts.confusion.sum((0, 2)), total),
        "predicted_share": _ratio(counts.confusion.sum((0, 1)), total),
    }
    return Scores(
        {name: float(values[0]) for name, values in overall.items()},
        {**{name: values[0] for name, values in classes.items()}, **shares},
        {"miou": parts.miou, "accuracy": parts.accuracy},
    )


class PerImageStats:
    """The sums that scores are made of, photograph by photograph, so that any choice of them can be scored.

    Attributes:
        miou: In each photograph the mean IoU of the classes that its truth holds, `[N]`.
        accuracy: In each photograph the share of labelled pixels predicted right, `[N]`.
    """

    def __init__(self, counts: Counts) -> None:
        confusion = counts.confusion
        self._hits = np.diagonal(confusion, axis1=1, axis2=2).astype(float)
        self._truth, self._predicted = confusion.sum(2).astype(float), confusion.sum(1).astype(float)
        self._boundary = counts.boundary.astype(float)
        self._bins = confidence_bins(counts.confidence)
        either = self._truth + self._predicted - self._hits
        self.miou = _mean(_ratio(self._hits, np.where(self._truth > 0, either, 0)))
        self.accuracy = _ratio(self._hits.sum(1), self._truth.sum(1))

    def resampled(self, weights: Values) -> tuple[dict[str, Values], dict[str, Values]]:
        """Returns the scores of several choices of the photographs.

        Args:
            weights: `[R, N]`, how often each photograph counts in each choice.

        Returns:
            Overall scores, each `[R]`, and those of classes, each `[R, C]`.
        """
        hits, truth, predicted = (weights @ part for part in (self._hits, self._truth, self._predicted))
        shared, true_edge, predicted_edge = (weights @ self._boundary[:, part] for part in range(3))
        classes = {
            "iou": _ratio(hits, truth + predicted - hits),
            "dice": _ratio(2 * hits, truth + predicted),
            "precision": _ratio(hits, predicted),
            "recall": _ratio(hits, truth),
            "boundary_iou": _ratio(shared, true_edge + predicted_edge - shared),
        }
        means = {"miou": "iou", "boundary_miou": "boundary_iou"} | {key: key for key in ("dice", "precision", "recall")}
        pixels, right, sure = (weights @ self._bins[:, part] for part in range(3))
        values = {name: _mean(classes[key]) for name, key in means.items()} | {
            "accuracy": _ratio(hits.sum(1), truth.sum(1)),
            "fwiou": _ratio(np.nansum(truth * classes["iou"], 1), truth.sum(1)),
            "miou_per_image": _weighted_mean(self.miou, weights),
            "accuracy_per_image": _weighted_mean(self.accuracy, weights),
            "ece": _ratio(np.abs(right - sure).sum(1), pixels.sum(1)),
        }
        return {name: values[name] for name in OVERALL_SCORES}, classes


def confidence_bins(levels: NDArray[np.int64]) -> Values:
    """Returns pixels, those predicted right, and the sum of confidences in each bin: `[..., 3, BINS]`.

    Args:
        levels: `Counts.confidence`, `[..., 2, 256]`.
    """
    confidence = np.arange(LEVELS) / (LEVELS - 1)
    starts = np.ceil(np.arange(BINS) * (LEVELS - 1) / BINS).astype(int)  # the first level of each bin
    pixels = levels.sum(-2).astype(float)
    parts = np.stack([pixels, levels[..., 1, :].astype(float), pixels * confidence], -2)
    return np.add.reduceat(parts, starts, axis=-1)


def _ratio(part: Any, whole: Any) -> Values:
    """Divides counts; NaN where there is nothing to divide by."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    ratio: Values = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _mean(values: Values) -> Values:
    """The mean along the last axis of what is not NaN."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(-1), known.sum(-1))


def _weighted_mean(values: Values, weights: Values) -> Values:
    """The mean of what is not NaN, `[N]`, by each row of weights, `[R, N]`."""
    known = ~np.isnan(values)
    return _ratio(weights @ np.where(known, values, 0), weights @ known.astype(float))
