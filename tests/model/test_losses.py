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


def test_class_weights_weigh_the_mean_as_torch_does() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, 7, generator=generator)
    mask = torch.randint(0, 4, (2, 5, 7), generator=generator).masked_fill_(torch.rand(2, 5, 7) < 0.2, 3)
    mask[mask == 3] = 255
    weights = [0.5, 2.0, 0.0]
    expected = torch.nn.CrossEntropyLoss(torch.tensor(weights), ignore_index=255)(logits, mask)
    torch.testing.assert_close(build_loss("ce", ignore_index=255, class_weights=weights)(logits, mask), expected)


@pytest.mark.parametrize("value", [2, 255])
def test_a_tile_whose_classes_weigh_nothing_gives_loss_0(value: int) -> None:
    loss = build_loss("ce", ignore_index=255, class_weights=[1.0, 1.0, 0.0])
    assert loss(torch.randn(1, 3, 4, 4), torch.full((1, 4, 4), value)).item() == 0


def test_class_weights_stay_out_of_the_checkpoint() -> None:
    assert build_loss("ce", ignore_index=255, class_weights=[1.0, 2.0]).state_dict() == {}


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0]])
def test_unusable_class_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="loss.class_weights="):
        build_loss("ce", ignore_index=255, class_weights=weights)


def test_an_unknown_loss_is_named() -> None:
    with pytest.raises(ConfigError, match="loss.name=cf"):
        build_loss("cf", ignore_index=255)
