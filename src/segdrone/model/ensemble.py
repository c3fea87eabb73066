"""Average the class probabilities of several networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segdrone.model.renormalize import Normalization, Renormalize

ENSEMBLE = "ensemble"
"""Name of the network in a checkpoint."""


class Ensemble(nn.Module):
    """Networks that are trained each on its own, and predict together: the mean of their class probabilities.

    It is one network for whatever predicts, scores or exports models. `segdrone ensemble` makes it of checkpoints.

    Args:
        members: Networks of the same classes, without an instance head.
        normalizations: Mean and std that each expects.
        normalization: Mean and std of the images that the ensemble is given.

    Attributes:
        members: The networks.
    """

    def __init__(
        self, members: Sequence[nn.Module], normalizations: Sequence[Normalization], normalization: Normalization
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.changes = nn.ModuleList(Renormalize(normalization, expected) for expected in normalizations)

    @property
    def encoder(self) -> Any:
        """The encoder of the first network, whose normalization is that of the ensemble."""
        return self.members[0].encoder

    def forward(self, image: Tensor) -> Tensor:
        """Maps normalized images, float32 `[B, 3, H, W]`, to logits, float32 `[B, C, H, W]`.

        Their softmax is the mean of the members' probabilities. Sides must be multiples of each member's stride.
        """
        logits = [member(change(image)) for member, change in zip(self.members, self.changes, strict=True)]
        mean = torch.stack([each.float().softmax(1) for each in logits]).mean(0)
        return mean.clamp(min=torch.finfo(torch.float32).tiny).log()
