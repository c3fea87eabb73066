import math

import pytest
import torch

from segdrone.errors import ConfigError
from segdrone.model.losses import build_loss


def test_cross_entropy_is_the_mean_over_labelled_pixels() -> None:
    logits = torch.tensor([[[[0.0, 2.0, 9.0]], [[0.0, 0.0, -9.0]]]])
    mask = torch.tensor([[[0, 1, 255]]])
    expected = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert build_loss("ce", ignore_index=255)(logits, mask).item() == pytest.approx(expected)


def test_a_tile_with_nothing_to_learn_gives_loss_0_and_gradient_0() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = build_loss("ce", ignore_index=255)(logits, torch.full((1, 4, 4), 255))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().sum().item() == 0


def test_an_unknown_loss_is_named() -> None:
    with pytest.raises(ConfigError, match="loss.name=cf"):
        build_loss("cf", ignore_index=255)
