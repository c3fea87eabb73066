"""The Lovász-softmax loss: a smooth stand-in for IoU itself."""

from __future__ import annotations

import torch
from torch import Tensor


def lovasz_softmax(probabilities: Tensor, labels: Tensor, labelled: Tensor) -> Tensor:
    """Returns the Lovász extension of 1 - IoU, the mean over the classes that the labels hold.

    Berman, Triki and Blaschko 2018, "The Lovász-Softmax Loss" (section 3), over the whole batch.
    Errors are weighed by weights that depend on their order alone, so these need no gradient; the
    value and gradient are those of `smp.losses.LovaszLoss`, which goes back through each sort.

    Args:
        probabilities: float32 `[P, C]`.
        labels: int64 `[P]`, class ids.
        labelled: bool `[P]`; the other pixels count for nothing.
    """
    by_class, truth = probabilities.detach()[labelled].T.contiguous(), labels[labelled]
    present = truth.bincount().nonzero().flatten().tolist()
    weights, constant = torch.zeros_like(by_class), probabilities.new_zeros(())
    for index in present:
        true = truth == index
        # An error is 1 - p where the class is true, and p elsewhere.
        of_errors = _weights((by_class[index] - true.float()).abs(), true)
        constant += of_errors[true].sum()
        weights[index] = torch.where(true, -of_errors, of_errors)
    slopes = torch.zeros_like(probabilities)
    slopes[labelled] = weights.T
    return (constant + (slopes * probabilities).sum()) / max(len(present), 1)


def _weights(errors: Tensor, true: Tensor) -> Tensor:
    """Returns by how much 1 - IoU grows with each error, float `[P]`, as they are taken from the largest down."""
    # Floats from 0 up are ordered as their bits are; integers were sorted three times as fast.
    order = (~errors.view(torch.int32)).argsort()
    missed = true[order].cumsum(0).float()  # how many of the class are among the first 1, 2, ... errors
    taken = torch.arange(1, len(order) + 1, device=errors.device).float()
    total = missed[-1]
    lost = 1 - (total - missed) / (total + taken - missed)
    return torch.empty_like(errors).scatter_(0, order, lost.diff(prepend=lost.new_zeros(1)))
