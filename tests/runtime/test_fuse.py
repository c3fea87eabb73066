import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from segdrone.model.any_size import round_up_to_stride
from segdrone.runtime.fuse import fuse_batch_norms
from tests.helpers.exported import small_network
from tests.helpers.network_files import NETWORK_FILES


def randomize_norms(network: nn.Module) -> None:
    """Fresh batch norms do almost nothing: gives them statistics as training does."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.uniform_(module.bias, -0.1, 0.1, generator=generator)


def count_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("path", NETWORK_FILES, ids=lambda path: path.stem)
def test_logits_of_every_architecture_stay_the_same_with_fewer_batch_norms(path: Path) -> None:
    network = copy.deepcopy(small_network(path.stem)).eval()
    randomize_norms(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fused = fuse_batch_norms(network)
    image = torch.randn(1, 3, *round_up_to_stride(network, 96, 160))
    with torch.no_grad():
        expected = network(image)
        assert (fused(image) - expected).abs().max() < 1e-4 * expected.abs().max()
    assert count_norms(fused) < count_norms(network) / 2
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


class Encoder(nn.Module):
    output_stride = 1


class Branching(nn.Module):
    """Uses the output of its convolution twice: with and without the batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.convolution, self.norm = nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2)

    def forward(self, image: Tensor) -> Tensor:
        features = self.convolution(image)
        return torch.as_tensor(self.norm(features) + features)


class Shared(Branching):
    """Runs its convolution twice, each time before the batch norm and after it."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.as_tensor(self.norm(self.convolution(image)) + self.convolution(image.flip(1)))


class OnlyLarge(Branching):
    def forward(self, image: Tensor) -> Tensor:
        if image.shape[-1] < 224:
            raise AssertionError("input height does not match the model")
        return super().forward(image)


@pytest.mark.parametrize("network", [Branching(), Shared(), OnlyLarge()])
def test_a_batch_norm_that_cannot_be_folded_stays(network: nn.Module) -> None:
    network = copy.deepcopy(network).eval()
    randomize_norms(network)
    fused = fuse_batch_norms(network)
    assert fused is not network
    assert count_norms(fused) == 1
    image = torch.randn(1, 3, 224, 224)
    assert torch.equal(fused(image), network(image))
