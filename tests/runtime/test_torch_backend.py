from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segdrone.classes import DRONE
from segdrone.errors import CheckpointError, ConfigError
from segdrone.model import load_module, load_network
from segdrone.model.networks import build_network
from segdrone.runtime import torch_backend
from segdrone.runtime.backend import Backend, OutOfMemory
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.spec import ModelSpec
from tests.helpers.training import tiny_checkpoint

SPEC = ModelSpec(DRONE, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), training_size=(64, 96))


def windows(count: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "a.ckpt")


@pytest.fixture(scope="module")
def backend(checkpoint: Path) -> TorchBackend:
    return TorchBackend.from_checkpoint(checkpoint, device="cpu")


@pytest.mark.parametrize(("count", "height", "width"), [(1, 64, 96), (3, 61, 93), (2, 17, 5), (0, 64, 96)])
def test_probabilities_are_those_of_the_plain_network(
    count: int, height: int, width: int, backend: TorchBackend, checkpoint: Path
) -> None:
    pixels = windows(count, height, width)
    probabilities = backend(pixels)
    assert probabilities.shape == (count, 23, height, width)
    assert probabilities.dtype == np.float32
    assert probabilities.flags.c_contiguous
    if count == 0:
        return
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (SPEC.mean, SPEC.std))
    images = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.no_grad():
        expected = load_module(checkpoint)(images).softmax(1)
    np.testing.assert_allclose(probabilities, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_it_is_a_backend_with_the_models_properties(backend: TorchBackend, checkpoint: Path) -> None:
    as_backend: Backend = backend
    assert as_backend.spec == load_network(checkpoint)[1]
    assert (as_backend.stride, as_backend.device, as_backend.batch_size) == ((32, 32), "cpu", 1)


def test_settings_identify_the_file_and_the_precision(backend: TorchBackend, checkpoint: Path) -> None:
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert backend.settings == {"checkpoint": digest, "half_precision": False}
    network, spec = load_network(checkpoint)
    assert TorchBackend(network, spec, device="cpu").settings == {"half_precision": False}


def test_the_callers_network_does_not_change() -> None:
    network = build_network("unet", encoder_name="tu-mobilenetv3_small_050", classes=23).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    backend = TorchBackend(network, SPEC, device="cpu")
    expected = backend(windows(1, 32, 32))
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert np.array_equal(backend(windows(1, 32, 32)), expected)


def test_windows_in_a_batch_do_not_influence_each_other(backend: TorchBackend) -> None:
    pixels = windows(3, 64, 96)
    np.testing.assert_allclose(backend(pixels)[1:2], backend(pixels[1:2]), atol=1e-6)


def test_a_batch_size_can_be_given(checkpoint: Path) -> None:
    assert TorchBackend.from_checkpoint(checkpoint, device="cpu", batch_size=4).batch_size == 4


class OutOfMemoryNetwork(nn.Module):
    class encoder:
        output_stride = 1

    def forward(self, image: Tensor) -> Tensor:
        if len(image) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return image[:, :1].repeat(1, 23, 1, 1)


def test_too_little_memory_is_reported_without_torch() -> None:
    backend = TorchBackend(OutOfMemoryNetwork(), SPEC, device="cpu")
    assert backend(windows(1, 8, 8)).shape == (1, 23, 8, 8)
    with pytest.raises(OutOfMemory, match="cpu has no memory for 2 x 8 x 8 pixels at once"):
        backend(windows(2, 8, 8))


@pytest.mark.parametrize("device", ["gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "mps"])
def test_an_unknown_device_is_refused(device: str, checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match=f"device={device} is unknown: choose auto, cpu, cuda or cuda:NUMBER"):
        TorchBackend.from_checkpoint(checkpoint, device=device)


def test_a_missing_gpu_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match=r"device=cuda:99: torch sees \d+ GPUs here: choose auto or cpu"):
        TorchBackend.from_checkpoint(checkpoint, device="cuda:99")


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        TorchBackend.from_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_computes_nearly_the_same_in_half_precision(backend: TorchBackend, checkpoint: Path) -> None:
    on_gpu = TorchBackend.from_checkpoint(checkpoint, device="cuda")
    pixels = windows(3, 61, 93)
    assert on_gpu.settings["half_precision"]
    assert on_gpu.batch_size == 32
    probabilities = on_gpu(pixels)
    assert probabilities.dtype == np.float32
    assert probabilities.flags.c_contiguous
    np.testing.assert_allclose(probabilities, backend(pixels), atol=0.05)


def test_a_checkpoint_that_is_replaced_while_it_is_opened_has_no_digest_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tiny_checkpoint(tmp_path / "last.ckpt"), tiny_checkpoint(tmp_path / "next.ckpt", seed=1)

    def load(given: Path) -> tuple[nn.Module, ModelSpec]:
        loaded = load_network(given)
        path.write_bytes(other.read_bytes())  # as a training does at the end of an epoch
        return loaded

    monkeypatch.setattr(torch_backend, "load_network", load)
    with pytest.raises(CheckpointError, match=r"last\.ckpt was replaced while it was read: run the command again"):
        TorchBackend.from_checkpoint(path, device="cpu")
