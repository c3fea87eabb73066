import pytest
import torch
from torch import nn

from segdrone.errors import ConfigError
from segdrone.model.flops import count_macs, count_parameters, summarize
from segdrone.model.networks import build_network


def test_multiply_adds_of_convolutions_follow_the_formula() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, groups=8))
    assert count_macs(network, 20, 30) == 20 * 30 * 9 * (3 * 8 + 8)
    assert count_parameters(network) == 9 * (3 * 8 + 8) + 16


def test_counting_does_not_change_the_network() -> None:
    network = build_network("unet", classes=2, encoder_name="mobilenet_v2").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count_macs(network, 64, 96)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_summary_names_the_given_size_and_counts_padding() -> None:
    network = build_network("unet", classes=2, encoder_name="mobilenet_v2")
    padded = count_macs(network, 704, 1056) / 1e9
    assert summarize(network, (690, 1050)) == (
        f"6.6 million parameters, {padded:.3g} billion multiply-adds at 690 x 1050"
    )


def test_an_image_size_that_the_encoder_does_not_take_is_refused() -> None:
    network = build_network("unet", classes=2, encoder_name="tu-swin_tiny_patch4_window7_224")  # takes only one size
    with pytest.raises(ConfigError, match="cannot take 512 x 768 pixels.*conf/model") as caught:
        count_macs(network, 512, 768)
    assert "\n" not in str(caught.value)


def test_logits_of_another_size_are_refused() -> None:
    with pytest.raises(ConfigError, match="makes 32 x 48 logits of 64 x 96 pixels"):
        count_macs(nn.Conv2d(3, 2, 2, stride=2), 64, 96)
