"""Add a head that tells things apart: where their centers are, and how far each pixel is from its own."""

from __future__ import annotations

from typing import cast

import torch
from segmentation_models_pytorch.base import SegmentationHead
from torch import Tensor, nn
from torch.nn import functional as F

from segdrone.spec import INSTANCE_PLANES

_CHANNELS = 32
_FIRST_DEVIATION = (
    0.01  # of the last weights: larger planes would cost 25 times what empty ones do, and spoil the decoder
)
_PIXELS = 16.0  # that an offset of 1 of the last convolution is: weights then start at the size of things


class PanopticHead(nn.Module):
    """The segmentation head of a network with an instance head beside it, on the same features of the decoder.

    After Cheng et al., "Panoptic-DeepLab" (CVPR 2020), section 3.1. There both have a decoder of their own; here they
    share one, so that the head costs little and fits any network.

    Args:
        semantic: Maps features `[B, F, h, w]` to logits `[B, C, H, W]`; it begins with a convolution.
    """

    def __init__(self, semantic: nn.Module) -> None:
        super().__init__()
        features = next(part.in_channels for part in semantic.modules() if isinstance(part, nn.Conv2d))
        last = nn.Conv2d(_CHANNELS, INSTANCE_PLANES, kernel_size=1)
        nn.init.normal_(last.weight, std=_FIRST_DEVIATION)
        nn.init.zeros_(cast("Tensor", last.bias))
        self.instances = nn.Sequential(
            nn.Conv2d(features, _CHANNELS, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(_CHANNELS),
            nn.ReLU(inplace=True),
            last,
        )
        self.semantic = semantic  # last: the last convolution of a head has one filter per class

    def forward(self, features: Tensor) -> Tensor:
        """Returns logits and the planes of the instance head, `[B, C + INSTANCE_PLANES, H, W]`."""
        scores, offsets = self.instances(features).split([1, INSTANCE_PLANES - 1], 1)
        planes = [scores, offsets * _PIXELS]
        if isinstance(self.semantic, SegmentationHead):  # resized together: joining images of full size takes a while
            convolution, upsampling, _ = self.semantic
            resized: Tensor = upsampling(torch.cat([convolution(features), *planes], 1))
            return resized
        logits: Tensor = self.semantic(features)
        size = logits.shape[-2:]
        return torch.cat([logits, *(F.interpolate(part, size=size, mode="bilinear") for part in planes)], 1)
