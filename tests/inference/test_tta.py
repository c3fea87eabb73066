from __future__ import annotations

import math

import pytest
import torch

from segdrone.inference.tta import AUGMENTS, D4Transform, mean_probabilities


@pytest.mark.parametrize("symmetry", AUGMENTS["symmetries"])
def test_each_is_undone(symmetry: D4Transform) -> None:
    image = torch.arange(24.0).view(1, 1, 4, 6)
    assert torch.equal(symmetry.undo(symmetry.apply(image)), image)


def test_there_are_eight_and_four_and_one() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3)
    seen = {name: {tuple(s.apply(image).flatten().tolist()) for s in ways} for name, ways in AUGMENTS.items()}
    assert {name: len(ways) for name, ways in seen.items()} == {"none": 1, "flips": 4, "symmetries": 8}
    assert seen["none"] < seen["flips"] < seen["symmetries"]
    assert tuple(image.flatten().tolist()) in seen["none"]


def test_the_mean_is_of_probabilities_not_of_logits() -> None:
    image = torch.zeros(1, 3, 1, 2)
    image[..., 0] = 1

    def network(images: torch.Tensor) -> torch.Tensor:
        """Sure of class 0 in the first column, whatever stands there, and of class 1 by little in the others."""
        logits = torch.zeros(1, 2, *images.shape[2:])
        logits[:, 0, :, 0] = 100
        logits[:, 1, :, 1:] = 1
        return logits

    both = (D4Transform(0, False), D4Transform(0, True))
    given = mean_probabilities(network, image, both, (1,))
    little = 1 / (1 + math.e)
    torch.testing.assert_close(given[0, 0, :, 0], torch.full((2,), (1 + little) / 2))
