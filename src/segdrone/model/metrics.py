"""Metrics of a split, computed from sums and counts over the whole set, not averaged over batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
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


class EpochLoss(Metric):
    """Mean loss of an epoch: each batch counts by the number of its photographs.

    `MeanMetric(nan_strategy="disable")` of torchmetrics 1.9 ignores the weights that it is given, and any other
    strategy hides the NaN of a training that diverged.

    The sums stay in float32 in a module of half precision, in which 256 + 1 is 256.

    Example:
        >>> loss = EpochLoss()
        >>> loss.update(torch.tensor(1.0), photographs=3)
        >>> loss.update(torch.tensor(5.0), photographs=1)
        >>> loss.compute()
        tensor(2.)
    """

    full_state_update = False
    total: Tensor
    photographs: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "photographs"):
            self.add_state(name, default=torch.tensor(0.0, dtype=torch.float32), dist_reduce_fx="sum")

    def update(self, loss: Tensor, photographs: int) -> None:
        """Adds the loss of a batch, a scalar."""
        self.total += loss.float() * photographs
        self.photographs += photographs

    def compute(self) -> Tensor:
        """Returns the mean, a float32 scalar; NaN without any photograph."""
        return self.total / self.photographs

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> torch.nn.Module:
        return super()._apply(lambda tensor: fn(tensor).float(), exclude_state)
