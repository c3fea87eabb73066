"""The metrics of a split, counted over the whole set rather than averaged over batches."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score, MulticlassJaccardIndex
from torchmetrics.functional.classification import multiclass_confusion_matrix

from segdrone.classes import ClassTable


def overall_metrics(table: ClassTable, split: str) -> MetricCollection:
    """Returns the scalar metrics of a split, named `{split}/miou` and so on, each from 0 to 1.

    They are updated with int predictions and masks, `[B, H, W]`, and skip the ignored id. Masks
    are checked when they are read, so arguments are not validated again here.

    - `miou`: mean IoU over the classes that occur in truth or prediction.
    - `dice`: mean Dice coefficient (F1 score) over the classes that occur.
    - `accuracy`: share of pixels predicted right.
    """
    classes, ignored = len(table), table.ignore_index
    return MetricCollection(
        {
            "miou": MulticlassJaccardIndex(classes, "macro", ignored, validate_args=False),
            "dice": MulticlassF1Score(classes, average="macro", ignore_index=ignored, validate_args=False),
            "accuracy": MulticlassAccuracy(classes, average="micro", ignore_index=ignored, validate_args=False),
        },
        prefix=f"{split}/",
        compute_groups=False,
    )


def class_iou(table: ClassTable) -> MulticlassJaccardIndex:
    """Returns the IoU of each class, float `[C]`, NaN where a class is in neither truth nor prediction.

    Its state `confmat` is the confusion matrix, int64 `[C, C]`, rows are the truth.
    """
    return MulticlassJaccardIndex(
        len(table), "none", table.ignore_index, validate_args=False, zero_division=float("nan")
    )


class PhotographCounts:
    """A confusion matrix for each photograph, so that scores can be given by photograph.

    Attributes:
        by_id: By the photograph's name, int64 `[C, C]` on CPU, rows are the truth; tiles add up.
    """

    def __init__(self, table: ClassTable) -> None:
        self.table = table
        self.by_id: dict[str, Tensor] = {}

    def update(self, names: Sequence[str], prediction: Tensor, mask: Tensor) -> None:
        """Counts predictions and masks, int `[B, H, W]`, for the photographs of these names."""
        classes, ignored = len(self.table), self.table.ignore_index
        for name, predicted, true in zip(names, prediction, mask, strict=True):
            counts = multiclass_confusion_matrix(predicted, true, classes, None, ignored, validate_args=False).cpu()
            self.by_id[name] = self.by_id[name] + counts if name in self.by_id else counts
