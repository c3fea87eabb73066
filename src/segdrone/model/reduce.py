"""A mean over the batches of all processes."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from segdrone.processes import group


def mean_over_processes(loss: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """Weighs the loss of each process's batch by the labelled pixels that it is a mean of.

    DDP averages the gradients of all processes alike, so that a pixel would count for more in a
    batch with fewer labelled ones. So weighted, the average is the gradient of the mean over all
    batches: exactly what one process would have with one batch as large, where the loss is a mean
    over labelled pixels. Every process must call it at the same time.

    Args:
        loss: Of this process's batch, a scalar.
        labelled: Pixels with a label in it, a scalar.

    Returns:
        The mean over all processes, the same for each; and the part of it to differentiate here.
    """
    _, world = group()
    if world == 1:
        return loss.detach(), loss
    total = torch.stack((loss.detach() * labelled, labelled.to(loss.dtype)))
    dist.all_reduce(total)
    everywhere = total[1].clamp(min=1)
    return total[0] / everywhere, loss * (labelled * world / everywhere)
