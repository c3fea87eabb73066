"""Metrics of a split, computed from counts over the whole set, not averaged over batches."""

from __future__ import annotations

from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from segdrone.classes import ClassTable


class SplitMetrics(MulticlassConfusionMatrix):
    """Computes mIoU, Dice, accuracy and the IoU of each class from one confusion matrix.

    The state `confmat` is the confusion matrix, int64 `[C, C]`; its rows are the truth. Pixels of the ignored id are
    skipped. Arguments are not validated: masks are checked when they are read.

    Args:
        table: The classes.

    Example:
        >>> import torch
        >>> metrics = SplitMetrics(ClassTable(("road", "grass"), ((0, 0, 0), (0, 9, 0))))
        >>> metrics.update(preds=torch.tensor([[[0, 0, 1, 1]]]), target=torch.tensor([[[0, 1, 1, 255]]]))
        >>> metrics.compute()["miou"]
        tensor(0.5000)
    """

    def __init__(self, table: ClassTable) -> None:
        super().__init__(len(table), ignore_index=table.ignore_index, validate_args=False)

    def compute(self) -> dict[str, Tensor]:  # type: ignore[override]
        """Returns scores from 0 to 1; NaN where no pixel was counted.

        - `miou`: mean IoU over the classes that occur in truth or prediction.
        - `dice`: mean Dice coefficient (F1 score) over these classes.
        - `accuracy`: share of correctly predicted pixels.
        - `iou`: IoU of each class, float `[C]`, NaN for a class that occurs in neither truth nor prediction.
        """
        counts = self.confmat.double()  # float32 is exact only up to 2^24
        correct, truth_plus_predicted = counts.diag(), counts.sum(0) + counts.sum(1)
        iou, dice = correct / (truth_plus_predicted - correct), 2 * correct / truth_plus_predicted
        scores = {"miou": iou.nanmean(), "dice": dice.nanmean(), "accuracy": correct.sum() / counts.sum(), "iou": iou}
        return {name: score.float() for name, score in scores.items()}
