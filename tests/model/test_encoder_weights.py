from collections.abc import Callable
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from segdrone.errors import CheckpointError
from segdrone.model.encoder_weights import load_encoder_weights
from segdrone.model.networks import build_network

NAME = "mobilenet_v2"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return dict(smp.encoders.get_encoder(NAME).state_dict())


@pytest.mark.parametrize(
    ("file", "save"), [("w.safetensors", lambda state, path: save_file(state, path)), ("w.pth", torch.save)]
)
def test_weights_of_a_file_are_loaded_into_every_tensor(
    file: str, save: Callable[..., None], state: dict[str, Tensor], tmp_path: Path
) -> None:
    save(state, tmp_path / file)
    torch.manual_seed(2)
    encoder = smp.encoders.get_encoder(NAME)
    line = load_encoder_weights(encoder, NAME, str(tmp_path / file))
    assert f"{len(state)} of {len(state)} tensors" in line
    assert all(torch.equal(tensor, state[key]) for key, tensor in encoder.state_dict().items())


@pytest.mark.parametrize(
    ("network", "encoder", "classifier"),
    [
        ("unet", "tu-mobilenetv3_small_050", lambda: timm.create_model("mobilenetv3_small_050")),
        ("unet", "tu-convnext_atto", lambda: timm.create_model("convnext_atto")),  # stages.0 is stages_0 in the encoder
        ("dpt", "tu-vit_tiny_patch16_224", lambda: timm.create_model("vit_tiny_patch16_224")),
        ("fcn", "resnet50", lambda: torchvision.models.resnet50()),
    ],
)
def test_weights_under_the_names_of_timm_and_torchvision_fit(
    network: str, encoder: str, classifier: Callable[[], torch.nn.Module], tmp_path: Path
) -> None:
    ones = {key: torch.ones_like(tensor) for key, tensor in classifier().state_dict().items()}
    save_file(ones, tmp_path / "w.safetensors")
    loaded = build_network(network, classes=2, encoder_name=encoder).encoder
    assert isinstance(loaded, torch.nn.Module)
    load_encoder_weights(loaded, encoder, str(tmp_path / "w.safetensors"))
    assert all(bool((tensor == 1).all()) for tensor in loaded.state_dict().values())


def test_a_file_that_does_not_fit_is_refused_and_changes_nothing(state: dict[str, Tensor], tmp_path: Path) -> None:
    first = next(key for key in state if key.endswith("weight"))
    save_file({key: tensor for key, tensor in state.items() if key != first}, tmp_path / "w.safetensors")
    encoder = smp.encoders.get_encoder(NAME)
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"has {len(state) - 1} of its {len(state)} tensors"):
        load_encoder_weights(encoder, NAME, str(tmp_path / "w.safetensors"))
    assert all(torch.equal(tensor, before[key]) for key, tensor in encoder.state_dict().items())


def test_a_counter_that_older_files_lack_is_not_required(state: dict[str, Tensor], tmp_path: Path) -> None:
    older = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(older, tmp_path / "w.pth")
    encoder = smp.encoders.get_encoder(NAME)
    assert f"{len(older)} of {len(state)} tensors" in load_encoder_weights(encoder, NAME, str(tmp_path / "w.pth"))
    assert all(torch.equal(encoder.state_dict()[key], tensor) for key, tensor in older.items())


@pytest.mark.parametrize(("network", "encoder"), [("enet", "enet"), ("ddrnet", "ddrnet_23_slim")])
def test_a_network_with_an_encoder_of_its_own_takes_a_file(network: str, encoder: str, tmp_path: Path) -> None:
    source, loaded = (build_network(network, classes=2, encoder_name=encoder).encoder for _ in range(2))
    assert isinstance(source, torch.nn.Module)
    assert isinstance(loaded, torch.nn.Module)
    save_file({key: tensor.contiguous() for key, tensor in source.state_dict().items()}, tmp_path / "w.safetensors")
    load_encoder_weights(loaded, encoder, str(tmp_path / "w.safetensors"))
    assert all(torch.equal(tensor, source.state_dict()[key]) for key, tensor in loaded.state_dict().items())
    with pytest.raises(CheckpointError, match=f"no pretrained weights for the encoder {encoder}"):
        load_encoder_weights(loaded, encoder, "imagenet")


@pytest.mark.parametrize("file", ["w.safetensors", "w.pth"])
def test_a_broken_file_is_refused(file: str, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(b"no weights at all")
    with pytest.raises(CheckpointError, match=f"{file} is not a state dict"):
        load_encoder_weights(smp.encoders.get_encoder(NAME), NAME, str(tmp_path / file))


def test_imagenet_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="could not be downloaded.*online once.*encoder_weights=null") as caught:
        load_encoder_weights(smp.encoders.get_encoder(NAME), NAME, "imagenet")
    assert "\n" not in str(caught.value)
