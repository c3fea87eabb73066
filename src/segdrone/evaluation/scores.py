"""From pixel counts of each photograph to scores of the whole set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Scores of a set of photographs, each from 0 to 1.

    Attributes:
        miou: Mean over classes of IoU counted on the whole set; absent classes do not count.
        miou_per_image: The tutorial's figure: in each photograph the mean IoU of the classes that
            its truth holds, then the mean over photographs.
        accuracy: Share of labelled pixels predicted right, on the whole set.
        accuracy_per_image: The same share in each photograph, then the mean over photographs.
        dice: Mean over classes of the Dice coefficient counted on the whole set.
        iou: IoU of each class, `[C]`; NaN for a class in neither truth nor prediction.
        class_dice: Dice coefficient of each class, `[C]`; NaN likewise.
        class_accuracy: Share of each class's pixels predicted right (recall), `[C]`; NaN where the
            truth has none.
        truth_share: Share of the labelled pixels that each class has in truth, `[C]`.
        predicted_share: The same in the prediction.
        photographs: `miou_per_image` before the mean, by id; NaN where nothing is labelled.
    """

    miou: float
    miou_per_image: float
    accuracy: float
    accuracy_per_image: float
    dice: float
    iou: Values
    class_dice: Values
    class_accuracy: Values
    truth_share: Values
    predicted_share: Values
    photographs: dict[str, float]


def score(counts: Mapping[str, Counts]) -> Scores:
    """Returns the scores of photographs from their confusion matrices (`[C, C]`, rows are the truth)."""
    per_image = np.stack([*counts.values()])
    total = per_image.sum(0)
    hits, truth, predicted = np.diag(total), total.sum(1), total.sum(0)
    iou = _ratio(hits, truth + predicted - hits)
    dice = _ratio(2 * hits, truth + predicted)
    image_hits = np.diagonal(per_image, axis1=1, axis2=2)
    image_truth, image_predicted = per_image.sum(2), per_image.sum(1)
    image_iou = _ratio(image_hits, np.where(image_truth > 0, image_truth + image_predicted - image_hits, 0))
    photograph_miou = [_mean(values) for values in image_iou]
    return Scores(
        miou=_mean(iou),
        miou_per_image=_mean(np.array(photograph_miou)),
        accuracy=float(_ratio(hits.sum(), total.sum())),
        accuracy_per_image=_mean(_ratio(image_hits.sum(1), per_image.sum((1, 2)))),
        dice=_mean(dice),
        iou=iou,
        class_dice=dice,
        class_accuracy=_ratio(hits, truth),
        truth_share=_ratio(truth, total.sum()),
        predicted_share=_ratio(predicted, total.sum()),
        photographs=dict(zip(counts, photograph_miou, strict=True)),
    )


def _ratio(part: Any, whole: Any) -> Values:
    """Divides counts; NaN where there is nothing to divide by."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    ratio: Values = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _mean(values: Values) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")
