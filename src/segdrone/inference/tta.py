"""Test-time augmentation: predict a window several ways, and take the mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class D4Transform(NamedTuple):
    """One of the eight ways to lay a square onto itself."""

    turns: int
    mirrored: bool

    def apply(self, images: Tensor) -> Tensor:
        """Turns images `[..., H, W]` by quarters against the clock, then mirrors them left to right."""
        turned = torch.rot90(images, self.turns, (-2, -1)) if self.turns else images
        return turned.flip(-1) if self.mirrored else turned

    def undo(self, images: Tensor) -> Tensor:
        """Returns what `apply` was given."""
        turned = images.flip(-1) if self.mirrored else images
        return torch.rot90(turned, -self.turns, (-2, -1)) if self.turns else turned


AUGMENTS: dict[str, tuple[D4Transform, ...]] = {
    "none": (D4Transform(0, False),),
    "flips": (D4Transform(0, False), D4Transform(0, True), D4Transform(2, True), D4Transform(2, False)),
    "symmetries": tuple(D4Transform(turns, mirrored) for turns in range(4) for mirrored in (False, True)),
}


def mean_probabilities(
    network: Callable[[Tensor], Tensor], images: Tensor, symmetries: Sequence[D4Transform], scales: Sequence[float]
) -> Tensor:
    """Returns class probabilities, the mean over all symmetries at all scales.

    Args:
        network: Maps images float32 `[B, 3, H, W]` to logits `[B, C, H, W]`.
        images: Normalised, float32 `[B, 3, H, W]`.
        symmetries: How they are turned and mirrored.
        scales: By what they are resized, bilinearly; 1 is as they are.

    Returns:
        Float32 `[B, H, W, C]`.
    """
    total: Tensor | None = None
    for scale in scales:
        resized = images if scale == 1 else _resized(images, [max(1, round(scale * side)) for side in images.shape[2:]])
        for symmetry in symmetries:
            # Along the last dimension: for a network in channels-last layout that is how its logits lie in memory.
            probabilities = network(symmetry.apply(resized)).float().permute(0, 2, 3, 1).softmax(-1)
            given = symmetry.undo(probabilities.permute(0, 3, 1, 2))
            given = (given if scale == 1 else _resized(given, images.shape[2:])).permute(0, 2, 3, 1)
            total = given if total is None else total.add_(given)
    assert total is not None
    return total if len(symmetries) * len(scales) == 1 else total / (len(symmetries) * len(scales))


def _resized(images: Tensor, size: Sequence[int]) -> Tensor:
    return torch.nn.functional.interpolate(images, tuple(size), mode="bilinear", align_corners=False)
