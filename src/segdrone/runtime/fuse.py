"""Fold batch normalization into the convolutions before it, for faster inference."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from segdrone.model.any_size import round_up_to_stride

_TOLERANCE = 1e-4  # of the logits, relative to the largest one


@torch.no_grad()
def fuse_batch_norms(network: nn.Module) -> nn.Module:
    """Returns a copy of a network with batch norms folded into the convolutions whose output they take.

    In evaluation mode a batch norm multiplies each channel by a constant and adds another, which the weights and the
    bias of a convolution can do too. The network is run on a small image to find the pairs, so they follow the data
    and not the order of the modules. The logits of the copy are then compared with those of the network. If they
    differ, because the output of a convolution is used a second time, the copy keeps its batch norms. It also keeps
    them if the network takes only images of a larger size.

    Args:
        network: A network of `build_network` in evaluation mode, on CPU. It is not changed.

    Example:
        >>> from segdrone.model.networks import build_network
        >>> network = build_network("linknet", encoder_name="resnet18", classes=2).eval()
        >>> type(network.encoder.bn1).__name__, type(fuse_batch_norms(network).encoder.bn1).__name__
        ('BatchNorm2d', 'Identity')
    """
    fused = copy.deepcopy(network)
    image = torch.randn(1, 3, *round_up_to_stride(network, 64, 64), generator=torch.Generator().manual_seed(0))
    try:
        expected = network(image)
        for convolution, norm in _find_pairs(fused, image):
            _fold(fused, convolution, norm)
        exact = torch.allclose(fused(image), expected, rtol=0, atol=_TOLERANCE * float(expected.abs().max()))
    except (RuntimeError, ValueError, AssertionError):  # of a network for one size
        exact = False
    return fused if exact else copy.deepcopy(network)


def _find_pairs(network: nn.Module, image: Tensor) -> list[tuple[str, str]]:
    """Returns the names of each convolution and the batch norm that takes its output, each run exactly once."""
    producers: dict[int, tuple[str, Tensor]] = {}  # by id of the output, which is kept alive so that ids stay unique
    pairs: list[tuple[str, str]] = []
    calls: Counter[str] = Counter()

    def record_output(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            calls[name] += 1
            producers[id(output)] = (name, output)

        return hook

    def record_input(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            calls[name] += 1
            if id(inputs[0]) in producers:
                pairs.append((producers[id(inputs[0])][0], name))

        return hook

    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(record_output(name)))
        elif type(module) in (nn.BatchNorm2d, BatchNormAct2d) and module.running_var is not None:
            handles.append(module.register_forward_pre_hook(record_input(name)))
    try:
        network(image)
    finally:
        for handle in handles:
            handle.remove()
    return [(convolution, norm) for convolution, norm in pairs if calls[convolution] == calls[norm] == 1]


def _fold(network: nn.Module, convolution_name: str, norm_name: str) -> None:
    convolution: Any = network.get_submodule(convolution_name)
    norm: Any = network.get_submodule(norm_name)
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    network.set_submodule(norm_name, norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity())
