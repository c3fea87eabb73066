import pytest
import torch
from torch import nn

from segdrone.errors import ConfigError
from segdrone.model.flops import count_macs, count_parameters, summarize
from segdrone.model.networks import build_network


def test_multiply_adds_of_a_convolution_are_those_of_the_textbook() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, groups=8))
    assert count_macs(network, 20, 30) == 20 * 30 * 9 * (3 * 8 + 8)
    assert count_parameters(network) == 9 * (3 * 8 + 8) + 16


def test_counting_leaves_a_network_as_it_was() -> None:
    network = build_network("unet", classes=2, encoder_name="mobilenet_v2").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count_macs(network, 64, 96)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_line_is_of_the_size_asked_for_though_the_network_pads() -> None:
    network = build_network("unet", classes=2, encoder_name="mobilenet_v2")
    padded = count_macs(network, 704, 1056) / 1e9
    assert summarize(network, (690, 1050)) == (
        f"6.6 million parameters, {padded:.3g} billion multiply-adds at 690 x 1050"
    )


def test_an_encoder_that_does_not_fit_the_photographs_is_told() -> None:
    network = build_network("unet", classes=2, encoder_name="tu-swin_tiny_patch4_window7_224")  # of one size only
    with pytest.raises(ConfigError, match="cannot take 512 x 768 pixels.*conf/model") as caught:
        count_macs(network, 512, 768)
    assert "\n" not in str(caught.value)


def test_logits_of_another_size_are_told() -> None:
    with pytest.raises(ConfigError, match="makes 32 x 48 logits of 64 x 96 pixels"):
        count_macs(nn.Conv2d(3, 2, 2, stride=2), 64, 96)
