import copy
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import segmentation_models_pytorch as smp
import torch
import yaml
from benchmarks.networks import page
from torch import Tensor, nn

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule, load_module
from segdrone.model.any_size import round_up_to_stride, supports_batch_of_one
from segdrone.model.flops import count_macs, count_parameters
from segdrone.model.losses import build_loss
from segdrone.model.networks import (
    NETWORKS,
    build_network,
    model_settings,
    pretrained_normalization,
)
from segdrone.training import train
from tests.helpers.commands import REPO
from tests.helpers.small_run import compose_config, small
from tests.helpers.training import DATA

TABLE = ClassTable(names=("a", "b", "c"), colours=((0, 0, 0), (1, 1, 1), (2, 2, 2)))
NARROW: dict[str, Any] = {"decoder_channels": [16, 16, 8, 8, 8]}
SMALL: dict[str, dict[str, Any]] = {
    "unet": NARROW,
    "unetplusplus": NARROW,
    "manet": {**NARROW, "decoder_pab_channels": 8},
    "linknet": {},
    "fpn": {"decoder_pyramid_channels": 32, "decoder_segmentation_channels": 32},
    "pspnet": {"psp_out_channels": 16},
    "pan": {"decoder_channels": 8},
    "deeplabv3": {"decoder_channels": 16},
    "deeplabv3plus": {"decoder_channels": 16},
    "upernet": {"decoder_channels": 16},
    "segformer": {"decoder_segmentation_channels": 16},
    "dpt": {
        "encoder_name": "tu-vit_tiny_patch16_224",
        "decoder_intermediate_channels": [16, 16, 16, 16],
        "decoder_fusion_channels": 16,
    },
    "fcn": {"encoder_name": "resnet50"},
    "segnet": {"encoder_name": "vgg11_bn"},
    "enet": {"encoder_name": "enet"},
    "ddrnet": {"encoder_name": "ddrnet_23_slim"},
}


def test_every_network_is_tested() -> None:
    assert SMALL.keys() == NETWORKS.keys()


@pytest.mark.parametrize("policy", ["add", "cat"])
def test_fpn_is_that_of_smp_and_keeps_its_layout(policy: str) -> None:
    options: dict[str, Any] = {"encoder_name": "mobilenet_v2", "decoder_merge_policy": policy}
    network = build_network("fpn", classes=3, **options).eval()
    original = smp.FPN(classes=3, encoder_weights=None, **options).to(memory_format=torch.channels_last).eval()
    original.load_state_dict(network.state_dict())
    image = torch.rand(2, 3, 64, 96).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.testing.assert_close(network(image), original(image), rtol=0, atol=1e-6)
        encoder, decoder = (network.get_submodule(name) for name in ("encoder", "decoder"))
        assert decoder(encoder(image)).is_contiguous(memory_format=torch.channels_last)


@pytest.fixture(scope="module", params=SMALL)
def module(request: pytest.FixtureRequest) -> SegmentationModule:
    torch.manual_seed(0)
    options = {"name": request.param, "encoder_name": "resnet18", **SMALL[request.param]}
    return SegmentationModule(options, TABLE.to_dict(), DATA, {}).eval()


class TestEveryNetwork:
    @pytest.mark.parametrize("size", [(64, 96), (61, 93), (17, 5)])
    def test_logits_have_the_size_of_the_image(self, module: SegmentationModule, size: tuple[int, int]) -> None:
        logits = module(torch.randn(2, 3, *size))
        assert logits.shape == (2, 3, *size)
        assert logits.dtype == torch.float32
        assert logits.std() > 0

    def test_it_has_an_encoder_and_a_head_with_one_filter_per_class(self, module: SegmentationModule) -> None:
        assert sum(parameter.numel() for parameter in module.encoder.parameters()) > 1000
        head = module.network.segmentation_head
        assert isinstance(head, nn.Module)
        *_, last = (part for part in head.modules() if isinstance(part, nn.Conv2d))
        assert last.out_channels == 3

    def test_channels_last_changes_nothing(self, module: SegmentationModule) -> None:
        assert all(p.is_contiguous(memory_format=torch.channels_last) for p in module.parameters() if p.dim() == 4)
        contiguous = copy.deepcopy(module).to(memory_format=torch.contiguous_format)
        image = torch.randn(2, 3, 64, 96)
        torch.testing.assert_close(module(image), contiguous(image), rtol=1e-4, atol=1e-4)

    def test_a_step_lowers_the_loss(self, module: SegmentationModule) -> None:
        trained, loss = copy.deepcopy(module).train(), build_loss("ce", ignore_index=255)
        mask = torch.zeros(2, 64, 96, dtype=torch.long)
        mask[:, :, 40:] = 2
        image = mask[:, None].repeat(1, 3, 1, 1) / 2
        optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-3)

        def current_loss() -> Tensor:
            torch.manual_seed(0)  # for dropout
            return torch.as_tensor(loss(trained(image), mask))

        before = current_loss()
        before.backward()
        optimizer.step()
        assert current_loss() < 0.99 * before

    def test_whether_it_can_be_trained_on_one_image_is_known(self, module: SegmentationModule) -> None:
        trained = copy.deepcopy(module).train()
        try:
            trained(torch.randn(1, 3, 64, 96))
            supported = True
        except ValueError:
            supported = False
        modes = [part.training for part in module.modules()]
        assert supports_batch_of_one(module.network, 64, 96) == supported
        assert [part.training for part in module.modules()] == modes

    def test_a_checkpoint_gives_the_same_logits(self, module: SegmentationModule, tmp_path: Path) -> None:
        trainer = L.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", enable_model_summary=False)
        trainer.strategy.connect(module)
        trainer.save_checkpoint(tmp_path / "a.ckpt")
        image = torch.randn(1, 3, 61, 93)
        assert torch.equal(load_module(tmp_path / "a.ckpt")(image), module(image))


@pytest.mark.parametrize(("encoder", "supported"), [("timm-skresnet18", False), ("resnet18", True)])
def test_an_encoder_can_need_two_images_too(encoder: str, supported: bool) -> None:
    network = build_network("unet", classes=2, encoder_name=encoder, **NARROW)
    assert supports_batch_of_one(network, 64, 96) == supported
    assert not supports_batch_of_one(network, 32, 32)  # the coarsest map is one pixel


@pytest.mark.parametrize("name", ["fpn", "pspnet", "deeplabv3", "pan", "upernet"])
@pytest.mark.parametrize("depth", [3, 4])
def test_a_shallower_encoder_leaves_the_logits_at_full_size(name: str, depth: int) -> None:
    network = build_network(name, classes=2, encoder_name="resnet18", encoder_depth=depth, **SMALL[name]).eval()
    assert network(torch.zeros(1, 3, 128, 160)).shape == (1, 2, 128, 160)


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("unet", {}, (64, 96)),
        ("unet", {"encoder_depth": 3, "decoder_channels": [8, 8, 8]}, (64, 96)),
        ("deeplabv3plus", {}, (64, 96)),
        ("deeplabv3", {}, (64, 96)),
        ("pan", {}, (128, 128)),
        ("dpt", SMALL["dpt"], (64, 96)),
        ("fcn", SMALL["fcn"], (61, 93)),
        ("segnet", SMALL["segnet"], (64, 96)),
        ("enet", SMALL["enet"], (64, 96)),
        ("ddrnet", SMALL["ddrnet"], (61, 93)),
    ],
)
def test_sizes_are_rounded_up_to_what_a_network_takes(
    name: str, options: dict[str, Any], size: tuple[int, int]
) -> None:
    assert round_up_to_stride(build_network(name, classes=2, **{"encoder_name": "resnet18", **options}), 61, 93) == size


def test_a_batch_of_one_that_a_network_cannot_train_on_is_refused_before_training(
    all_scenes: Path, tmp_path: Path
) -> None:
    overrides = small(all_scenes, tmp_path / "run", ["model=pan_mbv2"])
    with pytest.raises(
        ConfigError, match="model.name=pan on .* cannot train on .* 15 samples .* of 7.*data.batch_size"
    ):
        train(compose_config("train", *overrides, "data.batch_size=7"))


@pytest.mark.parametrize(
    ("name", "encoder", "classes", "millions"),
    [("enet", "enet", 19, 0.37), ("segnet", "vgg16_bn", 19, 29.46), ("ddrnet", "ddrnet_23", 19, 20.1)],
)
def test_a_network_has_as_many_parameters_as_in_its_paper(
    name: str, encoder: str, classes: int, millions: float
) -> None:
    with torch.device("meta"):
        network = build_network(name, encoder_name=encoder, classes=classes)
    assert count_parameters(network) / 1e6 == pytest.approx(millions, rel=0.02)


def test_ddrnet_has_as_many_multiply_adds_as_in_its_paper() -> None:
    network = build_network("ddrnet", encoder_name="ddrnet_23_slim", classes=19)
    assert count_macs(network, 1024, 2048) / 1e9 == pytest.approx(36.3, abs=0.05)


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
        ("unet", {"encoder_name": "mobilenet_v2", "colour": "red"}, "model.colour is not an option of unet"),
        ("unet", {"encoder_name": "mobilenet_v2", "activation": "sigmoid"}, "model.activation is not an option"),
        ("unet", {"encoder_name": "mobilenet_v2", "aux_params": {"classes": 2}}, "model.aux_params is not an option"),
        ("unet", {"encoder_name": "mobilenet_v2", "kwargs": {}}, "model.kwargs is not an option"),
        ("fpn", {"encoder_name": "mobilenet_v2", "upsampling": 1}, "model.upsampling is not an option"),
        ("fpn", {"encoder_name": "mobilenet_v2", "encoder_depth": "deep"}, "model fpn cannot be built"),
        ("unet", {"encoder_name": "mobilenet_v2", "decoder_use_norm": "inplace"}, "model unet cannot be built"),
        ("unet", {"encoder_name": "tu-vit_tiny_patch16_224"}, "model unet cannot be built"),
        ("dpt", {"encoder_name": "mobilenet_v2"}, "model dpt cannot be built"),
        ("dpt", {"encoder_name": "tu-vit_tiny_patch16_224", "num_classes": 9}, "model.num_classes is not an option"),
        ("fcn", {"encoder_name": "mobilenet_v2"}, "fcn is built on resnet50 or resnet101"),
        ("segnet", {"encoder_name": "vgg16"}, "segnet is built on one of vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn"),
        ("enet", {"encoder_name": "mobilenet_v2"}, "enet has an encoder of its own: give enet"),
        ("ddrnet", {"encoder_name": "mobilenet_v2"}, "ddrnet is built on ddrnet_23_slim or ddrnet_23"),
        ("unet", {"encoder_name": "enet"}, "model unet cannot be built"),
    ],
)
def test_what_cannot_be_built_is_named_in_the_error(name: str, options: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=part) as caught:
        build_network(name, classes=2, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("encoder", "mean"),
    [
        ("mobilenet_v2", None),
        ("timm-tf_efficientnet_lite0", (0.5, 0.5, 0.5)),
        ("tu-tf_efficientnet_lite0", (0.5, 0.5, 0.5)),
        ("tu-resnet18", (0.485, 0.456, 0.406)),
        ("xception", (0.5, 0.5, 0.5)),
        ("inceptionv4", (0.5, 0.5, 0.5)),
        ("inceptionresnetv2", (0.5, 0.5, 0.5)),
        ("dpn98", pytest.approx((124 / 255, 117 / 255, 104 / 255))),
    ],
)
def test_normalization_follows_the_encoder(encoder: str, mean: tuple[float, ...] | None) -> None:
    normalization = pretrained_normalization(encoder)
    assert (normalization and normalization[0]) == mean


def test_weights_that_timm_does_not_have_are_refused_with_those_it_has() -> None:
    with pytest.raises(ConfigError, match=r"tu-resnet18\.typo is not among timm's weights: .*resnet18\.a1_in1k"):
        pretrained_normalization("tu-resnet18.typo")


def test_the_page_of_networks_is_written_again_with_all_its_sections() -> None:
    _, _, written = (REPO / "docs" / "networks.md").read_text(encoding="utf-8").partition("A short training")
    assert "## The included model" in written
    assert page({}, False).partition("A short training")[2] == written
