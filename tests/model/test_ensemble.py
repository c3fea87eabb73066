from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from segdrone.errors import ConfigError
from segdrone.model.any_size import forward_any_size, round_up_to_stride
from segdrone.model.networks import build_network

LITE = {"name": "fpn", "encoder_name": "tu-test_efficientnet"}
PAN = {"name": "pan", "encoder_name": "tu-test_efficientnet"}
HALF = [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
WHOLE = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]


def _ensemble(*members: Mapping[str, object]) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network("ensemble", classes=3, encoder_name="a+b", members=members).eval()


def test_probabilities_are_the_mean_of_those_of_the_members_each_in_its_own_normalization() -> None:
    network = _ensemble({**LITE, "normalization": HALF}, {**LITE, "normalization": WHOLE})
    pixels = torch.rand(2, 3, 45, 70)
    with torch.no_grad():
        mean = forward_any_size(network, (pixels - 0.5) / 0.5).softmax(1)
        first, second = (
            forward_any_size(member, image).softmax(1)
            for member, image in zip(network.get_submodule("members").children(), (2 * pixels - 1, pixels), strict=True)
        )
    assert not torch.allclose(first, second, atol=1e-2)
    assert torch.allclose(mean, (first + second) / 2, atol=1e-6)


def test_a_class_that_no_member_predicts_has_a_finite_logit() -> None:
    network = _ensemble({**LITE, "normalization": HALF})
    head = network.get_submodule("members.0.segmentation_head.0")
    assert isinstance(head, torch.nn.Conv2d)
    assert head.bias is not None
    with torch.no_grad():
        head.bias[0] = -1e4
        logits = network(torch.rand(1, 3, 64, 64))
    assert logits.isfinite().all()
    assert float(logits.softmax(1)[:, 0].max()) < 1e-30


def test_sides_fit_every_member() -> None:
    network = _ensemble({**LITE, "normalization": HALF}, {**PAN, "normalization": HALF})
    assert round_up_to_stride(network, 33, 300) == (128, 320)  # 128 is the smallest side of PAN, 32 the stride of FPN


def test_no_ensemble_is_in_an_ensemble() -> None:
    inner = {"name": "ensemble", "encoder_name": "x", "members": [LITE], "normalization": HALF}
    with pytest.raises(ConfigError, match="no ensemble among them"):
        _ensemble(inner)


def test_a_config_cannot_name_one() -> None:
    with pytest.raises(ConfigError, match=r"model\.name=ensemble is unknown"):
        build_network("ensemble", classes=3, encoder_name="mobilenet_v2")
