"""Add a head that tells things apart: where their centers are, and how far each pixel is from its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segdrone.spec import INSTANCE_PLANES

_CHANNELS = 32
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
        self.instances = nn.Sequential(
            nn.Conv2d(features, _CHANNELS, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(_CHANNELS),
            nn.ReLU(inplace=True),
            nn.Conv2d(_CHANNELS, INSTANCE_PLANES, kernel_size=1),
        )
        self.semantic = semantic  # last: the last convolution of a head has one filter per class

    def forward(self, features: Tensor) -> Tensor:
        """Returns logits and the planes of the instance head, `[B, C + INSTANCE_PLANES, H, W]`."""
        logits, planes = self.semantic(features), self.instances(features)
        if planes.shape[-2:] != logits.shape[-2:]:
            planes = F.interpolate(planes, size=logits.shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat([logits, planes[:, :1], planes[:, 1:] * _PIXELS], 1)
