"""DDRNet, a network for segmentation in real time that computes at two resolutions side by side."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from segdrone.errors import ConfigError

WIDTHS = {"ddrnet_23_slim": 32, "ddrnet_23": 64}
"""Channels of the first stages, by encoder (table 1)."""

_CONTEXT_CHANNELS = 128
_POOLINGS = ((5, 2), (9, 4), (17, 8))  # kernel and stride of the poolings between the identity and the global one

_conv = partial(Conv2dNormActivation, activation_layer=None)  # a convolution and its batch norm


class DDRNet(nn.Module):
    """DDRNet (Hong et al. 2021, "Deep Dual-resolution Networks for Real-time and Accurate Segmentation ...").

    One branch keeps an eighth of the image's size, the other goes down to a 64th, and each adds to the other. The
    paper's auxiliary loss on the first branch is left out. Logits are resized to the image's size, which can be any.

    Args:
        encoder_name: `ddrnet_23_slim` or `ddrnet_23`.
        classes: Number of classes.
        encoder_weights: Always None: weights are loaded afterwards, as for every network.

    Raises:
        ConfigError: The encoder is another one.
    """

    def __init__(self, encoder_name: str, classes: int, encoder_weights: None = None) -> None:
        super().__init__()
        if encoder_name not in WIDTHS:
            raise ConfigError(f"model.encoder_name={encoder_name}: ddrnet is built on {' or '.join(WIDTHS)}")
        width = WIDTHS[encoder_name]
        self.encoder = DDRNetEncoder(width)
        self.context = _DAPPM(16 * width, 4 * width)
        self.segmentation_head = nn.Sequential(
            *_norm_act_conv(4 * width, 2 * width, kernel_size=3),
            *_norm_act_conv(2 * width, classes, kernel_size=1, bias=True),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Maps images `[B, 3, H, W]` of any size to logits `[B, C, H, W]`."""
        fine, coarse = self.encoder(image)
        logits = self.segmentation_head(fine + _resize(self.context(coarse), fine))
        return _resize(logits, image)


class DDRNetEncoder(nn.Module):
    """The two branches, with their bilateral fusions (figure 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        fine = 2 * width  # channels of the fine branch
        self.stem = nn.Sequential(
            Conv2dNormActivation(3, width, stride=2), Conv2dNormActivation(width, width, stride=2),
            _stage(width, width), nn.ReLU(), _stage(width, fine, stride=2), nn.ReLU(),
        )  # fmt: skip
        self.fine_4, self.coarse_4 = _stage(fine, fine), _stage(fine, 4 * width, stride=2)
        self.to_fine_4, self.to_coarse_4 = _conv(4 * width, fine, kernel_size=1), _conv(fine, 4 * width, stride=2)
        self.fine_5, self.coarse_5 = _stage(fine, fine), _stage(4 * width, 8 * width, stride=2)
        self.to_fine_5 = _conv(8 * width, fine, kernel_size=1)
        self.to_coarse_5 = nn.Sequential(
            Conv2dNormActivation(fine, 4 * width, stride=2), _conv(4 * width, 8 * width, stride=2)
        )
        self.fine_6, self.coarse_6 = _Bottleneck(fine), _Bottleneck(8 * width, stride=2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Returns features of an eighth and of a 64th of the image's size."""
        features = self.stem(image)
        fine, coarse = self.fine_4(features), self.coarse_4(features)
        fine, coarse = _fuse(fine, coarse, self.to_fine_4, self.to_coarse_4)
        fine, coarse = self.fine_5(fine), self.coarse_5(coarse)
        fine, coarse = _fuse(fine, coarse, self.to_fine_5, self.to_coarse_5)
        return self.fine_6(fine), self.coarse_6(coarse)


class _Residual(nn.Module):
    """Adds to its input, brought to the same size, what a sequence of convolutions makes of it."""

    def __init__(self, branch: nn.Module, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        same = channels == out_channels and stride == 1
        self.branch = branch
        self.shortcut = nn.Identity() if same else _conv(channels, out_channels, kernel_size=1, stride=stride)

    def forward(self, features: Tensor) -> Tensor:
        summed: Tensor = self.branch(features) + self.shortcut(features)
        return summed


class _Block(_Residual):
    """Two convolutions of 3 x 3 pixels."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        first, second = Conv2dNormActivation(channels, out_channels, stride=stride), _conv(out_channels, out_channels)
        super().__init__(nn.Sequential(first, second), channels, out_channels, stride)


class _Bottleneck(_Residual):
    """Doubles the channels, by a convolution of 3 x 3 pixels between two of one."""

    def __init__(self, channels: int, stride: int = 1) -> None:
        branch = nn.Sequential(
            Conv2dNormActivation(channels, channels, kernel_size=1),
            Conv2dNormActivation(channels, channels, stride=stride),
            _conv(channels, 2 * channels, kernel_size=1),
        )
        super().__init__(branch, channels, 2 * channels, stride)


class _DAPPM(nn.Module):
    """The deep aggregation pyramid pooling module: each wider context is added to the narrower one (equation 2)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        inner = _CONTEXT_CHANNELS
        poolings = [nn.AvgPool2d(kernel, stride, padding=kernel // 2) for kernel, stride in _POOLINGS]
        self.scales = nn.ModuleList(
            nn.Sequential(pooling, *_norm_act_conv(channels, inner, kernel_size=1))
            for pooling in [nn.Identity(), *poolings, nn.AdaptiveAvgPool2d(1)]
        )
        self.merges = nn.ModuleList(
            nn.Sequential(*_norm_act_conv(inner, inner, kernel_size=3)) for _ in range(len(_POOLINGS) + 1)
        )
        self.compression = nn.Sequential(*_norm_act_conv(len(self.scales) * inner, out_channels, kernel_size=1))
        self.shortcut = nn.Sequential(*_norm_act_conv(channels, out_channels, kernel_size=1))

    def forward(self, features: Tensor) -> Tensor:
        first, *wider = self.scales
        contexts: list[Tensor] = [first(features)]
        for scale, merge in zip(wider, self.merges, strict=True):
            contexts.append(merge(_resize(scale(features), features) + contexts[-1]))
        merged: Tensor = self.compression(torch.cat(contexts, 1)) + self.shortcut(features)
        return merged


def _stage(channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Two blocks; the sum of the last one is left without a ReLU, for the fusion."""
    return nn.Sequential(_Block(channels, out_channels, stride), nn.ReLU(), _Block(out_channels, out_channels, 1))


def _fuse(fine: Tensor, coarse: Tensor, to_fine: nn.Module, to_coarse: nn.Module) -> tuple[Tensor, Tensor]:
    """Adds each branch to the other one (equation 1)."""
    return torch.relu(fine + _resize(to_fine(coarse), fine)), torch.relu(coarse + to_coarse(fine))


def _norm_act_conv(channels: int, out_channels: int, *, kernel_size: int, bias: bool = False) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias)
    return [nn.BatchNorm2d(channels), nn.ReLU(), convolution]


def _resize(features: Tensor, like: Any) -> Tensor:
    return F.interpolate(features, size=like.shape[-2:], mode="bilinear", align_corners=False)
