"""A small model whose receptive field is known, as a backend."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from segdrone.classes import ClassTable
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.spec import ModelSpec

CLASSES = 5
TABLE = ClassTable(tuple("abcde"), tuple((50 * i, 0, 0) for i in range(CLASSES)))


class LocalNetwork(nn.Module):
    """One convolution that reaches `radius` pixels far."""

    class encoder:
        output_stride = 1

    def __init__(self, radius: int) -> None:
        super().__init__()
        side = 2 * radius + 1
        self.convolution = nn.Conv2d(3, CLASSES, side, padding=radius)
        nn.init.normal_(self.convolution.weight, std=2 / side)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.convolution(image)
        return logits


def model_spec(**values: Any) -> ModelSpec:
    return ModelSpec(
        **{"classes": TABLE, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3), "training_size": (704, 1056), **values}
    )


def local_network(radius: int = 0, seed: int = 0) -> LocalNetwork:
    torch.manual_seed(seed)
    return LocalNetwork(radius)


def local_backend(radius: int = 0, seed: int = 0, **values: Any) -> TorchBackend:
    """Returns a backend of `local_network` on CPU; `values` go to the spec."""
    return TorchBackend(local_network(radius, seed), model_spec(**values), device="cpu")
