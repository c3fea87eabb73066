"""Compare the class probabilities of a network with those of a teacher."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def distillation_loss(logits: Tensor, teacher: Tensor, mask: Tensor, ignore_index: int) -> Tensor:
    """Returns the cross-entropy between the probabilities of a teacher and those of a network.

    Hinton et al. 2015, "Distilling the knowledge in a neural network", at temperature 1.

    Args:
        logits: float `[B, C, H, W]`.
        teacher: Probabilities of the teacher, float `[B, C, H, W]`.
        mask: int64 `[B, H, W]`; pixels of `ignore_index` are left out, such as those of padding.
        ignore_index: The ignored id.

    Returns:
        The mean over pixels, a scalar; 0 if all are ignored.

    Example:
        >>> logits = torch.zeros(1, 2, 1, 1)
        >>> mask = torch.zeros(1, 1, 1, dtype=torch.int64)
        >>> round(distillation_loss(logits, torch.tensor([0.5, 0.5]).view(1, 2, 1, 1), mask, 255).item(), 4)
        0.6931
    """
    valid = mask != ignore_index
    entropy = -(teacher * F.log_softmax(logits, 1)).sum(1)
    return torch.where(valid, entropy, 0).sum() / valid.sum().clamp(min=1)
