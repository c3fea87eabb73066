"""SegNet, whose decoder returns features to the pixels that the encoder's max pooling took them from."""

from __future__ import annotations

import torch.nn.functional as F
from segmentation_models_pytorch.encoders import encoders, get_encoder
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from segdrone.errors import ConfigError

_ENCODERS = [name for name in encoders if name.startswith("vgg") and name.endswith("_bn")]


class SegNet(nn.Module):
    """SegNet (Badrinarayanan, Kendall and Cipolla 2017, "SegNet: A Deep Convolutional Encoder-Decoder Architecture").

    The decoder mirrors the encoder, a VGG with batch norm: each pooling of 2 x 2 pixels is undone by placing its
    values where the largest ones were, zeros elsewhere, and convolutions make dense features of them (section 3). The
    last convolution is the classifier. Height and width must be multiples of 32.

    Args:
        encoder_name: `vgg11_bn`, `vgg13_bn`, `vgg16_bn` (as in the paper) or `vgg19_bn`; ImageNet weights of these fit.
        classes: Number of classes.
        encoder_weights: Always None: weights are loaded afterwards, as for every network.

    Raises:
        ConfigError: The encoder is another one.
    """

    def __init__(self, encoder_name: str, classes: int, encoder_weights: None = None) -> None:
        super().__init__()
        if encoder_name not in _ENCODERS:
            raise ConfigError(f"model.encoder_name={encoder_name}: segnet is built on one of {', '.join(_ENCODERS)}")
        self.encoder = get_encoder(encoder_name, weights=encoder_weights)
        stages: list[list[tuple[int, int]]] = [[]]  # channels before and after each convolution
        for layer in self.encoder.features:
            if isinstance(layer, nn.Conv2d):
                stages[-1].append((layer.in_channels, layer.out_channels))
            elif isinstance(layer, nn.MaxPool2d):
                stages.append([])
        _, first_channels = stages[0].pop(0)  # to the image, instead of which the last convolution makes logits
        self.decoder = nn.ModuleList(
            nn.Sequential(*(Conv2dNormActivation(after, before) for before, after in reversed(stage)))
            for stage in reversed(stages[:-1])
        )
        self.segmentation_head = nn.Conv2d(first_channels, classes, kernel_size=3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Maps images `[B, 3, H, W]` to logits `[B, C, H, W]`; H and W are multiples of 32."""
        features, places = image, []
        for layer in self.encoder.features:
            if isinstance(layer, nn.MaxPool2d):
                features, indices = F.max_pool2d(features, kernel_size=2, return_indices=True)
                places.append(indices)
            else:
                features = layer(features)
        for stage in self.decoder:
            features = stage(F.max_unpool2d(features, places.pop(), kernel_size=(2, 2)))
        logits: Tensor = self.segmentation_head(features)
        return logits
