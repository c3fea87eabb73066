"""Losses by name. All take logits and masks, and skip the ignored id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segdrone.errors import ConfigError


class CrossEntropy(nn.Module):
    """Mean cross-entropy over the labelled pixels; 0 where none is labelled, not NaN.

    With class weights the mean is weighted too, so that a batch of one class has the loss that it
    would have without.

    Args:
        ignore_index: The id of pixels that are not labelled.
        class_weights: One weight from 0 up for each class; None weighs all alike.

    Raises:
        ConfigError: A weight is below 0, or all are 0.
    """

    weights: Tensor | None

    def __init__(self, ignore_index: int, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        if class_weights is not None and (min(class_weights) < 0 or max(class_weights) == 0):
            raise ConfigError(f"loss.class_weights={list(class_weights)} must be from 0 up, and not all 0")
        weights = None
        if class_weights is not None:
            weights = torch.zeros(ignore_index + 1)  # by value of the mask
            weights[: len(class_weights)] = torch.tensor(class_weights)
        self.register_buffer("weights", weights, persistent=False)  # a finished network needs none

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Returns the scalar loss of float logits `[B, C, H, W]` for an int64 mask `[B, H, W]`."""
        weights = None if self.weights is None else self.weights[: logits.shape[1]].to(logits.dtype)
        total = F.cross_entropy(logits, mask, weights, ignore_index=self.ignore_index, reduction="sum")
        if self.weights is None:
            return total / (mask != self.ignore_index).sum().clamp(min=1)
        divisor = self.weights[mask].sum()
        return total / divisor.where(divisor > 0, torch.ones_like(divisor))


LOSSES: dict[str, Callable[..., nn.Module]] = {"ce": CrossEntropy}


def build_loss(name: str, *, ignore_index: int, **options: Any) -> nn.Module:
    """Builds one of `LOSSES`.

    Raises:
        ConfigError: The name or an option is unknown.
    """
    if name not in LOSSES:
        raise ConfigError(f"loss.name={name} is unknown: choose one of {', '.join(LOSSES)}")
    try:
        return LOSSES[name](ignore_index=ignore_index, **options)
    except TypeError as error:
        raise ConfigError(f"loss {name} does not take these options ({error}): mend conf/loss") from None
