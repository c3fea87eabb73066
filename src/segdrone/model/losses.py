"""Losses by name. All take logits and masks, and skip the ignored id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from segdrone.errors import ConfigError


class CrossEntropy(nn.Module):
    """Mean cross-entropy over the labelled pixels; 0 where none is labelled, not NaN.

    Args:
        ignore_index: The id of pixels that are not labelled.
    """

    def __init__(self, ignore_index: int) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Returns the scalar loss of float logits `[B, C, H, W]` for an int64 mask `[B, H, W]`."""
        total = F.cross_entropy(logits, mask, ignore_index=self.ignore_index, reduction="sum")
        return total / (mask != self.ignore_index).sum().clamp(min=1)


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
