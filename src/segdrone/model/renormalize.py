"""Change the normalization of images to the one that another network expects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Normalization = tuple[Sequence[float], Sequence[float]]
"""Mean and std of the red, green and blue channel of images scaled to 0..1."""


class Renormalize(nn.Module):
    """Maps images from one normalization to another. It has no weights, and nothing in a checkpoint.

    Args:
        given: Mean and std that images are normalized with.
        expected: Mean and std that the network behind it expects.

    Example:
        >>> change = Renormalize(((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
        >>> change(torch.ones(1, 3, 1, 1)).flatten().tolist()
        [1.0, 1.0, 1.0]
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, given: Normalization, expected: Normalization) -> None:
        super().__init__()
        (mean, std), (own_mean, own_std) = (
            [torch.tensor([*values]).view(1, 3, 1, 1) for values in pair] for pair in (given, expected)
        )
        self.register_buffer("scale", std / own_std, persistent=False)
        self.register_buffer("shift", (mean - own_mean) / own_std, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Maps images, float32 `[B, 3, H, W]`, to images of the same size."""
        return image * self.scale + self.shift
