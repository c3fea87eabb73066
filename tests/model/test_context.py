"""A frozen vision transformer beside an encoder: what it computes, that it stays frozen, and what a run keeps of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from segdrone.errors import CheckpointError, ConfigError
from segdrone.model import SegmentationModule, load_encoder_weights, load_network, read_checkpoint
from segdrone.model.any_size import round_up_to_stride
from segdrone.model.context import ContextEncoder, FrozenViT, base_encoder
from segdrone.model.networks import build_network, model_settings
from segdrone.model.optim import build_optimizer
from segdrone.training.build import build_datamodule, build_module
from tests.helpers.small_run import Compose, fit_config
from tests.helpers.small_vit import SMALL_VIT
from tests.model.test_networks import SMALL

NAME = "tu-test_vit"
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
OTHERS = ("dpt", "fcn", "segnet", "enet", "ddrnet")


def small(name: str = "unet", **options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    options = {"encoder_name": "resnet18", "context": NAME, **SMALL[name], **options}
    return build_network(name, classes=3, **options)


def encoder_of(network: torch.nn.Module) -> ContextEncoder:
    encoder = network.get_submodule("encoder")
    assert isinstance(encoder, ContextEncoder)
    return encoder


class TestFrozenViT:
    def test_features_are_the_normed_tokens_of_timm_in_their_places(self) -> None:
        frozen = FrozenViT(NAME, 16, HALF)  # its own normalization, and patches of the stride
        image = torch.randn(2, 3, 48, 80)
        expected = frozen.vit.forward_intermediates(image, indices=1, norm=True, intermediates_only=True)[0]
        torch.testing.assert_close(frozen(image), expected)
        assert expected.shape == (2, 64, 3, 5)
        assert expected.std(0).min() > 0

    @pytest.mark.parametrize("stride", [16, 32])
    def test_patches_of_14_cover_the_stride(self, stride: int) -> None:
        torch.manual_seed(0)
        frozen = FrozenViT(SMALL_VIT, stride, IMAGENET)
        seen: list[Tensor] = []
        frozen.vit.patch_embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        step = torch.zeros(1, 3, 64, 96)
        step[..., 64:] = 1
        assert frozen(step).shape == (1, 64, 64 // stride, 96 // stride)
        column = 64 // stride * 14  # where the resized image steps
        assert seen[0].shape[-2:] == (64 // stride * 14, 96 // stride * 14)
        assert seen[0][..., : column - 1].abs().max() < 1e-6
        torch.testing.assert_close(seen[0][..., column + 1 :], torch.ones_like(seen[0][..., column + 1 :]))

    def test_images_of_another_normalization_give_the_same_features(self) -> None:
        torch.manual_seed(0)
        first = FrozenViT(NAME, 16, IMAGENET)
        second = FrozenViT(NAME, 16, HALF)
        second.vit.load_state_dict(first.vit.state_dict())
        photograph = torch.rand(1, 3, 32, 32)
        (mean, std), image = (torch.tensor(part).view(3, 1, 1) for part in IMAGENET), (photograph - 0.5) / 0.5
        torch.testing.assert_close(first((photograph - mean) / std), second(image), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(first(image), second(image), atol=1e-2)

    def test_it_is_never_in_training_mode(self) -> None:
        network = small().train()
        assert network.training
        assert not any(part.training for part in encoder_of(network).context.modules())


@pytest.mark.parametrize("name", [name for name in SMALL if name not in OTHERS])
class TestEveryNetworkThatTakesIt:
    @pytest.fixture
    def network(self, name: str) -> torch.nn.Module:
        return small(name)

    def test_each_trained_weight_gets_a_gradient_and_no_other(self, network: torch.nn.Module, name: str) -> None:
        height, width = round_up_to_stride(network, 64, 96)
        network(torch.randn(2, 3, height, width)).sum().backward()
        encoder = encoder_of(network)
        assert all(parameter.grad is not None for parameter in encoder.projections.parameters())
        assert all(parameter.grad is None for parameter in encoder.context.parameters())

    def test_the_features_change_the_logits_as_soon_as_they_are_learned(
        self, network: torch.nn.Module, name: str
    ) -> None:
        image = torch.randn(1, 3, *round_up_to_stride(network.eval(), 64, 96))
        other = copy.deepcopy(network)
        encoder_of(other).context.vit.norm.bias += 1  # other tokens
        assert torch.equal(network(image), other(image))
        for part in (part for each in (network, other) for part in encoder_of(each).projections):
            torch.nn.init.ones_(part[2].weight)  # type: ignore[index]
        assert not torch.allclose(network(image), other(image), atol=1e-4)
        assert network(image).shape == (1, 3, *image.shape[2:])


def test_an_encoder_finer_than_the_tokens_needs_images_of_their_stride() -> None:
    network = small("pspnet", encoder_depth=3, context_stride=32)
    assert round_up_to_stride(network, 1, 33) == (32, 64)


def test_a_step_leaves_it_as_it_was_and_trains_the_projections_as_the_decoder() -> None:
    network = small().train()
    encoder = encoder_of(network)
    optimizer = build_optimizer(network, base_encoder(network), "adamw", lr=0.1, weight_decay=0.1)
    groups = [{id(parameter) for parameter in group["params"]} for group in optimizer.param_groups]
    assert groups[0] == {id(parameter) for parameter in encoder.cnn.parameters()}
    assert groups[1] > {id(parameter) for parameter in encoder.projections.parameters()}
    assert not groups[1] & {id(parameter) for parameter in encoder.context.parameters()}
    before = copy.deepcopy(network.state_dict())
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    optimizer.step()
    same = {key for key, tensor in network.state_dict().items() if torch.equal(tensor, before[key])}
    assert {key for key in before if ".context." in key} == {key for key in same if "num_batches" not in key}


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        *((name, {}, f"does not fit {name}, which has no encoder of smp") for name in OTHERS),
        ("unet", {"context": "vit_small_patch14_dinov2"}, "must be tu- and the name of a timm ViT"),
        ("unet", {"context": "tu-hf-hub:someone/model"}, "model.context=tu-hf-hub.* is unknown"),
        ("unet", {"context": "tu-test_vit.typo"}, "model.context=tu-test_vit.typo is not among timm's weights"),
        ("unet", {"context": "tu-resnet18"}, "model.context=tu-resnet18 is no plain vision transformer"),
        ("unet", {"context": "tu-test_byobnet"}, "no plain vision transformer"),
        ("unet", {"context": "tu-vit_tiny_r_s16_p8_224"}, "no plain vision transformer"),
        ("unet", {"context_stride": 8}, "model.context_stride=8 must be one of 16, 32"),
    ],
)
def test_what_cannot_be_joined_is_refused_in_one_line(name: str, options: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=part) as caught:
        small(name, **options)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_names_it_only_if_there_is_one() -> None:
    without = {"name": "unet", "context": None, "context_weights": "pretrained", "context_stride": 16}
    assert model_settings(without) == {"name": "unet"}
    assert model_settings({**without, "context": NAME}) == {"name": "unet", "context": NAME, "context_stride": 16}


class TestWeights:
    def test_they_are_those_of_a_file(self, tmp_path: Path) -> None:
        ones = {key: torch.ones_like(part) for key, part in timm.create_model("test_vit").state_dict().items()}
        save_file(ones, tmp_path / "w.safetensors")
        vit = encoder_of(small()).context.vit
        assert "context tu-test_vit: " in load_encoder_weights(vit, NAME, str(tmp_path / "w.safetensors"), "context")
        assert all(bool((tensor == 1).all()) for tensor in vit.state_dict().values())

    def test_those_of_another_architecture_are_refused(self, tmp_path: Path) -> None:
        save_file(timm.create_model("test_vit2").state_dict(), tmp_path / "w.safetensors")
        with pytest.raises(
            CheckpointError, match=r"does not fit the context tu-test_vit: .*model.context_weights=null"
        ):
            load_encoder_weights(encoder_of(small()).context.vit, NAME, str(tmp_path / "w.safetensors"), "context")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="model.context_weights=.* does not exist: give pretrained"):
            load_encoder_weights(encoder_of(small()).context.vit, NAME, str(tmp_path / "w.pth"), "context")

    def test_random_ones_are_warned_of(self, small_config: Compose, caplog: pytest.LogCaptureFixture) -> None:
        cfg = small_config(f"model.context={NAME}", "model.context_weights=null")
        build_module(cfg, build_datamodule(cfg))
        assert "tu-test_vit is never trained, and its features stay random" in caplog.text


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), path)
    return path


class TestRun:
    @pytest.fixture
    def options(self, weights: Path) -> list[str]:
        averaged = ["callbacks=[default,ema,freeze_encoder]", "trainer.limit_train_batches=2", "data.batch_size=2"]
        averaged += ["callbacks.averaging.decay=0.5", "trainer.gradient_clip_val=1", "data.mean=[0.5,0.4,0.3]"]
        return [*averaged, "data.std=[0.2,0.2,0.2]", f"model.context={NAME}", f"model.context_weights={weights}"]

    def test_weights_are_kept_once_and_unchanged(
        self, small_config: Compose, options: list[str], weights: Path, tmp_path: Path
    ) -> None:
        made = fit_config(small_config(*options))
        module: SegmentationModule = made["module"]
        expected = timm.create_model("test_vit", num_classes=0).state_dict().keys()
        last = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
        current, averaged = last["current_model_state"], last["state_dict"]
        for key in expected:
            name = f"network.encoder.context.vit.{key}"
            assert averaged[name].data_ptr() == current[name].data_ptr()
        name = "network.encoder.projections.0.1.weight"
        assert not torch.equal(averaged[name], current[name])
        trained = [key for key, _ in module.named_parameters() if ".context." not in key]
        assert sum(len(group["params"]) for group in last["optimizer_states"][0]["param_groups"]) == len(trained)

        vit = encoder_of(module.network).context.vit
        stored = copy.deepcopy(vit)
        load_encoder_weights(stored, NAME, str(weights), "context")
        assert all(torch.equal(part, stored.state_dict()[key]) for key, part in vit.state_dict().items())

        image = torch.randn(1, 3, 64, 96)
        network, spec = load_network(tmp_path / "run" / "checkpoints" / "last.ckpt")
        assert spec.made_by["context"] == NAME
        torch.testing.assert_close(network(image), module.eval()(image))
        other = build_network(**module.hparams["model"], classes=23)  # whose normalization is not that of the data
        other.load_state_dict(network.state_dict())
        assert not torch.allclose(other.eval()(image), network(image), atol=1e-4)

    def test_it_is_resumed_and_started_from(self, small_config: Compose, options: list[str], tmp_path: Path) -> None:
        fit_config(small_config(*options))
        last = tmp_path / "run" / "checkpoints" / "last.ckpt"
        made = fit_config(small_config(*options, f"ckpt_path={last}", "trainer.max_epochs=2"))
        assert made["trainer"].global_step == 4
        tuned = small_config(*options, f"init_from={last}", f"output_dir={tmp_path}/tuned")
        module = build_module(tuned, build_datamodule(tuned))
        averaged = read_checkpoint(last)["state_dict"]
        assert all(
            torch.equal(part, averaged[key]) for key, part in module.state_dict().items() if "metrics" not in key
        )
