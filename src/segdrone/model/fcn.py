"""The fully convolutional network of torchvision, with the attributes of smp's networks."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation import fcn_resnet50, fcn_resnet101

from segdrone.errors import ConfigError

_BUILDERS = {"resnet50": fcn_resnet50, "resnet101": fcn_resnet101}


class FCN(nn.Module):
    """FCN (Long, Shelhamer and Darrell 2015, "Fully Convolutional Networks for Semantic Segmentation").

    This is torchvision's variant: the last two stages of the ResNet are dilated, so the features have an eighth of the
    image's size, and the logits are resized to the image's size.

    Args:
        encoder_name: `resnet50` or `resnet101`; ImageNet weights of these fit the encoder.
        classes: Number of classes.
        encoder_weights: Always None: weights are loaded afterwards, as for every network.

    Raises:
        ConfigError: The encoder is another one.
    """

    def __init__(self, encoder_name: str, classes: int, encoder_weights: None = None) -> None:
        super().__init__()
        if encoder_name not in _BUILDERS:
            raise ConfigError(f"model.encoder_name={encoder_name}: fcn is built on {' or '.join(_BUILDERS)}")
        network = _BUILDERS[encoder_name](weights=encoder_weights, weights_backbone=None, num_classes=classes)
        self.encoder, self.segmentation_head = network.backbone, network.classifier

    def forward(self, image: Tensor) -> Tensor:
        """Maps images `[B, 3, H, W]` of any size to logits `[B, C, H, W]`."""
        logits = self.segmentation_head(self.encoder(image)["out"])
        return F.interpolate(logits, size=image.shape[-2:], mode="bilinear", align_corners=False)
