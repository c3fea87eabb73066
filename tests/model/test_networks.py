import pytest
import segmentation_models_pytorch as smp
import torch
import yaml

from segdrone.errors import ConfigError
from segdrone.model.networks import build_network, model_settings, pretrained_normalisation
from tests.conftest import REPO


def test_network_maps_photographs_to_logits_of_its_classes() -> None:
    network = build_network("unet", encoder_name="mobilenet_v2", classes=5)
    assert network(torch.zeros(2, 3, 64, 96)).shape == (2, 5, 64, 96)


def test_the_default_model_is_the_tutorials_network() -> None:
    options = yaml.safe_load((REPO / "conf" / "model" / "unet_mbv2.yaml").read_text())
    network = build_network(**model_settings(options), classes=23)
    tutorial = smp.Unet(
        "mobilenet_v2", encoder_weights=None, classes=23, encoder_depth=5, decoder_channels=[256, 128, 64, 32, 16]
    )
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in tutorial.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("vnet", {}, "model.name=vnet"),
        ("unet", {"encoder_name": "resnet1"}, "model.encoder_name=resnet1"),
        ("unet", {"encoder_name": "tu-hf-hub:someone/model"}, "model.encoder_name=tu-hf-hub"),
        ("unet", {"encoder_name": "mobilenet_v2", "decoder_channels": [4]}, "conf/model"),
        ("unet", {"encoder_name": "mobilenet_v2", "colour": "red"}, "conf/model"),
    ],
)
def test_what_cannot_be_built_is_named(name: str, options: dict[str, object], part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        build_network(name, classes=2, **options)


@pytest.mark.parametrize(
    ("encoder", "mean"),
    [
        ("mobilenet_v2", None),
        ("timm-tf_efficientnet_lite0", (0.5, 0.5, 0.5)),
        ("tu-tf_efficientnet_lite0", (0.5, 0.5, 0.5)),
        ("tu-resnet18", (0.485, 0.456, 0.406)),
    ],
)
def test_normalisation_follows_the_encoder(encoder: str, mean: tuple[float, ...] | None) -> None:
    found = pretrained_normalisation(encoder)
    assert (found and found[0]) == mean
