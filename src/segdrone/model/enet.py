"""ENet, the first network for segmentation in real time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segdrone.errors import ConfigError

ENCODER = "enet"
_CONTEXT: list[dict[str, Any]] = [  # bottlenecks 2.1 to 2.8, and again those of stage 3 (table 1)
    {}, {"dilation": 2}, {"asymmetric": True}, {"dilation": 4}, {}, {"dilation": 8}, {"asymmetric": True},
    {"dilation": 16},
]  # fmt: skip
_SLIM = 4  # a bottleneck computes with a fourth of its output's channels


class ENet(nn.Module):
    """ENet (Paszke, Chaurasia, Kim and Culurciello 2016, "ENet: A Deep Neural Network Architecture for Real-Time ...").

    Height and width must be multiples of 8.

    Args:
        encoder_name: `enet`: it has an encoder of its own, for which no ImageNet weights are published.
        classes: Number of classes.
        encoder_weights: Always None: weights are loaded afterwards, as for every network.

    Raises:
        ConfigError: The encoder is another one.
    """

    def __init__(self, encoder_name: str, classes: int, encoder_weights: None = None) -> None:
        super().__init__()
        if encoder_name != ENCODER:
            raise ConfigError(f"model.encoder_name={encoder_name}: enet has an encoder of its own: give {ENCODER}")
        self.encoder = ENetEncoder()
        self.upsample_4, self.upsample_5 = _Upsampling(128, 64), _Upsampling(64, 16)
        self.stage_4, self.stage_5 = nn.Sequential(_Bottleneck(64), _Bottleneck(64)), _Bottleneck(16)
        self.segmentation_head = _FullConv2d(16, classes, kernel_size=2, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        """Maps images `[B, 3, H, W]` to logits `[B, C, H, W]`; H and W are multiples of 8."""
        features, places_1, places_2 = self.encoder(image)
        features = self.stage_4(self.upsample_4(features, places_2))
        logits: Tensor = self.segmentation_head(self.stage_5(self.upsample_5(features, places_1)))
        return logits


class ENetEncoder(nn.Module):
    """Initial block and stages 1 to 3 (table 1)."""

    output_stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.initial = nn.Conv2d(3, 13, kernel_size=3, stride=2, padding=1, bias=False)
        self.initial_norm = _norm_act(16)
        self.downsample_1, self.downsample_2 = _Downsampling(16, 64, dropout=0.01), _Downsampling(64, 128)
        self.stage_1 = nn.Sequential(*(_Bottleneck(64, dropout=0.01) for _ in range(4)))
        self.stages_2_and_3 = nn.Sequential(*(_Bottleneck(128, **options) for options in 2 * _CONTEXT))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns features `[B, 128, H / 8, W / 8]` and, for the decoder, the places of the maxima of both poolings."""
        features = self.initial_norm(torch.cat([self.initial(image), F.max_pool2d(image, kernel_size=2)], 1))
        features, places_1 = self.downsample_1(features)
        features, places_2 = self.downsample_2(self.stage_1(features))
        return self.stages_2_and_3(features), places_1, places_2


class _Bottleneck(nn.Module):
    """Adds to its input what a projection, a convolution and an expansion make of it (figure 2b)."""

    def __init__(self, channels: int, *, dilation: int = 1, asymmetric: bool = False, dropout: float = 0.1) -> None:
        super().__init__()
        inner = channels // _SLIM
        if asymmetric:  # 5 x 5 as a column and a row
            main = [
                nn.Conv2d(inner, inner, kernel_size=(5, 1), padding=(2, 0), bias=False),
                nn.Conv2d(inner, inner, kernel_size=(1, 5), padding=(0, 2), bias=False),
            ]
        else:
            main = [nn.Conv2d(inner, inner, kernel_size=3, padding=dilation, dilation=dilation, bias=False)]
        self.branch = _branch(nn.Conv2d(channels, inner, kernel_size=1, bias=False), main, channels, dropout)
        self.activation = nn.PReLU(channels)

    def forward(self, features: Tensor) -> Tensor:
        summed: Tensor = self.activation(features + self.branch(features))
        return summed


class _Downsampling(nn.Module):
    """Halves height and width: the input is pooled and gets channels of zeros; the projection has a stride of 2."""

    def __init__(self, channels: int, out_channels: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        inner = out_channels // _SLIM
        projection = nn.Conv2d(channels, inner, kernel_size=2, stride=2, bias=False)
        main = [nn.Conv2d(inner, inner, kernel_size=3, padding=1, bias=False)]
        self.branch = _branch(projection, main, out_channels, dropout)
        self.activation = nn.PReLU(out_channels)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        pooled, places = F.max_pool2d(features, kernel_size=2, return_indices=True)
        extended = self.branch(features)
        padding = (0, 0, 0, 0, 0, extended.shape[1] - pooled.shape[1])
        return self.activation(F.pad(pooled, padding) + extended), places


class _Upsampling(nn.Module):
    """Doubles height and width: the input is unpooled to the places of the maxima, the convolution is transposed."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        inner = out_channels // _SLIM
        main = [nn.ConvTranspose2d(inner, inner, kernel_size=3, stride=2, padding=1, output_padding=1, bias=False)]
        projection = nn.Conv2d(channels, inner, kernel_size=1, bias=False)
        self.branch = _branch(projection, main, out_channels, dropout=0.1)
        self.pooled = nn.Sequential(
            nn.Conv2d(channels, out_channels, kernel_size=1, bias=False), nn.BatchNorm2d(out_channels)
        )
        self.activation = nn.PReLU(out_channels)

    def forward(self, features: Tensor, places: Tensor) -> Tensor:
        unpooled = F.max_unpool2d(self.pooled(features), places, kernel_size=(2, 2))
        summed: Tensor = self.activation(unpooled + self.branch(features))
        return summed


class _FullConv2d(nn.Conv2d):
    """A transposed convolution that keeps one filter per output channel, `[C, in, h, w]`, as every head does."""

    def forward(self, features: Tensor) -> Tensor:
        return F.conv_transpose2d(features, self.weight.transpose(0, 1), self.bias, stride=self.stride)


def _branch(projection: nn.Module, main: Sequence[nn.Module], channels: int, dropout: float) -> nn.Sequential:
    inner = channels // _SLIM
    expansion = nn.Conv2d(inner, channels, kernel_size=1, bias=False)
    last = nn.BatchNorm2d(channels), nn.Dropout2d(dropout)
    return nn.Sequential(projection, _norm_act(inner), *main, _norm_act(inner), expansion, *last)


def _norm_act(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.PReLU(channels))
