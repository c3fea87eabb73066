"""An exported network computes what the network does, by ONNX Runtime and OpenVINO, for any size and batch.

What cannot be exported is refused.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from segdrone.errors import CheckpointError
from segdrone.export.to_onnx import to_onnx
from segdrone.export.to_openvino import save_model, to_openvino
from segdrone.model.networks import build_network
from segdrone.runtime.backend import Backend
from segdrone.runtime.description import Description
from segdrone.runtime.onnx_backend import OnnxBackend
from segdrone.runtime.openvino_backend import OpenVinoBackend, openvino_core
from segdrone.runtime.torch_backend import TorchBackend
from tests.helpers.exported import CONFIGS, SPEC, describe, random_pixels, small_network, write_onnx

QUICK = {"unet_mbv2", "fpn_mbv2", "realtime", "segformer_mit_b0", "dpt_vit_tiny", "enet"}
SHAPES = [(1, 61, 131), (3, 17, 5)]  # batch, height, width


def compare(
    network: nn.Module, folder: Path, shapes: list[tuple[int, int, int]], window: tuple[int, int] | None
) -> None:
    """Compares a network, exported to ONNX and OpenVINO, with itself, on noise of several shapes."""
    described = describe(network, window)
    to_onnx(network, described, folder / "a.onnx")
    save_model(openvino_core().read_model(folder / "a.onnx"), described, folder / "a.xml")
    reference = TorchBackend(network, SPEC, device="cpu")
    exported: list[Backend] = [
        OnnxBackend(folder / "a.onnx", device="cpu"),
        OpenVinoBackend(folder / "a.xml", device="cpu"),
    ]
    same, pixels, largest = [0, 0], 0, 0.0
    for shape in shapes:
        windows = random_pixels(*shape)
        expected = reference(windows)
        largest = max(largest, float(expected.max()))
        pixels += expected[:, 0].size
        for number, backend in enumerate(exported):
            probabilities = backend(windows)
            assert np.abs(probabilities - expected).max() < 1e-4
            same[number] += int((probabilities.argmax(1) == expected.argmax(1)).sum())
    assert min(same) >= 0.9999 * pixels
    assert largest > 0.7  # not a network of equal classes, which every other would agree with


@pytest.mark.parametrize(
    "config", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in CONFIGS]
)
def test_every_network_computes_the_same_for_any_size_and_batch(config: str, tmp_path: Path) -> None:
    compare(small_network(config), tmp_path, SHAPES, None)


@pytest.mark.parametrize("config", ["pspnet_mbv2", "fpn_mbv2", "deeplabv3plus_mbv2"])
def test_a_network_for_one_window_computes_the_same(config: str, tmp_path: Path) -> None:
    compare(small_network(config), tmp_path, [(1, 64, 96), (3, 64, 96)], (64, 96))


class Unknown(nn.Module):
    """An encoder with an operation that ONNX does not have."""

    output_stride = 1

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        transformed: torch.Tensor = torch.special.bessel_j0(image)
        return transformed


class TestWhatCannotBeExported:
    @pytest.fixture
    def network(self) -> nn.Module:
        network = nn.Sequential()
        network.add_module("encoder", Unknown())
        return network.eval()

    def test_it_is_refused_by_the_name_of_the_operation_in_one_line(
        self, network: nn.Module, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(CheckpointError, match=r"the network cannot be exported to ONNX \(.*bessel_j0") as caught:
            to_onnx(network, describe(network), tmp_path / "a.onnx")
        assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")  # torch prints the whole graph
        assert not list(tmp_path.iterdir())

    def test_the_same_in_openvino(self, network: nn.Module, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="bessel_j0"):
            to_openvino(network, describe(network), tmp_path / "a.xml")
        assert not list(tmp_path.iterdir())


def test_the_network_is_not_changed_by_an_export(tmp_path: Path) -> None:
    network = small_network("fpn_mbv2")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    try:
        write_onnx(tmp_path / "a.onnx")
        assert network.training
    finally:
        network.eval()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_file_holds_its_description_and_names_the_axes(tmp_path: Path) -> None:
    model = onnx.load(write_onnx(tmp_path / "a.onnx"))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert Description.from_json(metadata["segdrone"]) == describe(small_network("fpn_mbv2"))
    axes = [
        [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert axes == [["batch", "height", "width", 3], ["batch", 4, "height", "width"]]


def test_a_file_for_one_window_says_the_size_of_its_output(tmp_path: Path) -> None:
    """Behind this encoder, torch's exporter loses it."""
    network = build_network(
        "unet", classes=4, encoder_name="tu-test_efficientnet", encoder_depth=3, decoder_channels=[8, 8, 8]
    ).eval()
    to_onnx(network, describe(network, (64, 96)), tmp_path / "a.onnx")
    (output,) = onnx.load(tmp_path / "a.onnx").graph.output
    assert [axis.dim_param or axis.dim_value for axis in output.type.tensor_type.shape.dim] == ["batch", 4, 64, 96]
