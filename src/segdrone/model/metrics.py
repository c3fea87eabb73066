"""The metrics of a split, counted over the whole set rather than averaged over batches."""

from __future__ import annotations

from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from segdrone.classes import ClassTable


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
