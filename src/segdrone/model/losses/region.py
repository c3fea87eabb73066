"""Losses that measure overlap per class: Tversky (with Dice and Jaccard) and Lovász-softmax."""

from __future__ import annotations

from torch import Tensor, nn

from segdrone.errors import ConfigError
from segdrone.model.losses.inputs import LossInputs
from segdrone.model.losses.lovasz import lovasz_softmax


class TverskyLoss(nn.Module):
    """1 - TP / (TP + alpha FP + beta FN), the mean over the classes that occur in the labels of the batch.

    Salehi, Erdogmus and Gholipour 2017, "Tversky loss function for image segmentation", with soft counts (sums of
    probabilities) over the whole batch. alpha = beta = 0.5 is Dice (Milletari et al. 2016, "V-Net", but with sums
    instead of squares); alpha = beta = 1 is Jaccard, or soft IoU (Rahman and Wang 2016).

    Args:
        alpha: Weight of false positives, 0 or more.
        beta: Weight of false negatives, above 0; a higher weight raises recall.

    Raises:
        ConfigError: `alpha` or `beta` is out of range.
    """

    def __init__(self, alpha: float = 0.3, beta: float = 0.7) -> None:
        super().__init__()
        if alpha < 0 or beta <= 0:
            raise ConfigError(f"loss.alpha={alpha} must be 0 or more, and loss.beta={beta} above 0")
        self.alpha, self.beta = alpha, beta

    def forward(self, inputs: LossInputs) -> Tensor:
        """Returns the scalar loss."""
        true = inputs.sum_by_label(inputs.labeled.float())
        hits = inputs.sum_by_label((-inputs.nll).exp())
        divisor = hits + self.alpha * (inputs.sum_of_probabilities() - hits) + self.beta * (true - hits)
        present = true > 0
        losses = (1 - hits / divisor.where(present, 1)) * present
        return losses.sum() / present.sum().clamp(min=1)


class LovaszLoss(nn.Module):
    """Lovász-softmax loss of a batch; see `lovasz_softmax`."""

    def forward(self, inputs: LossInputs) -> Tensor:
        """Returns the scalar loss."""
        return lovasz_softmax(inputs.log_probabilities.exp(), inputs.labels, inputs.labeled)
