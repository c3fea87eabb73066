"""The metrics of a split, counted over the whole set rather than averaged over batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch.distributed as dist
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix
from torchmetrics.functional.classification import multiclass_confusion_matrix

from segdrone.classes import ClassTable
from segdrone.processes import group


class SplitMetrics(MulticlassConfusionMatrix):
    """The metrics of a split, all from one confusion matrix, which is counted once a batch.

    It is updated with int predictions and masks, `[B, H, W]`, and skips the ignored id. Masks are
    checked when they are read, so arguments are not validated again here. Its state `confmat` is the
    confusion matrix, int64 `[C, C]`, rows are the truth.
    """

    def __init__(self, table: ClassTable) -> None:
        super().__init__(len(table), ignore_index=table.ignore_index, validate_args=False)

    def compute(self) -> dict[str, Tensor]:  # type: ignore[override]
        """Returns scores from 0 to 1; NaN where there is nothing to score.

        - `miou`: mean IoU over the classes that occur in truth or prediction.
        - `dice`: mean Dice coefficient (F1 score) over the classes that occur.
        - `accuracy`: share of pixels predicted right.
        - `iou`: IoU of each class, float `[C]`, NaN where it occurs in neither truth nor prediction.
        """
        counts = self.confmat.double()  # float32 counts to 2^24 only
        hits, either = counts.diag(), counts.sum(0) + counts.sum(1)
        iou, dice = hits / (either - hits), 2 * hits / either
        scores = {"miou": iou.nanmean(), "dice": dice.nanmean(), "accuracy": hits.sum() / counts.sum(), "iou": iou}
        return {name: score.float() for name, score in scores.items()}


class PhotographCounts:
    """A confusion matrix for each photograph, so that scores can be given by photograph.

    Attributes:
        by_id: By the photograph's name, int64 `[C, C]` on CPU, rows are the truth; tiles add up.
    """

    def __init__(self, table: ClassTable) -> None:
        self.table = table
        self.by_id: dict[str, Tensor] = {}

    def update(self, names: Sequence[str], prediction: Tensor, mask: Tensor) -> None:
        """Counts predictions and masks, int `[B, H, W]`, for the photographs of these names; blanks have none."""
        classes, ignored = len(self.table), self.table.ignore_index
        for name, predicted, true in zip(names, prediction, mask, strict=True):
            if name:
                counts = multiclass_confusion_matrix(predicted, true, classes, None, ignored, validate_args=False)
                self._add(name, counts.cpu())

    def gather(self) -> None:
        """Adds up what all processes have counted; each then has all photographs."""
        _, world = group()
        if world > 1:
            counted: list[dict[str, Tensor]] = [{}] * world
            dist.all_gather_object(counted, self.by_id)
            self.by_id = {}
            for name, counts in (item for by_id in counted for item in by_id.items()):
                self._add(name, counts)

    def _add(self, name: str, counts: Tensor) -> None:
        self.by_id[name] = self.by_id[name] + counts if name in self.by_id else counts
