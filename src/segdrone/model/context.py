"""Join the features of a frozen vision transformer to those of a network's encoder."""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from segdrone.errors import ConfigError
from segdrone.model.renormalize import Normalization, Renormalize

STRIDES = (16, 32)


class FrozenViT(nn.Module):
    """A vision transformer of timm that is not trained, as a map of features.

    The image is resized so that each patch covers `stride` pixels of it. Dropout is never active, no weight takes a
    gradient, and weight averaging shares the weights: see `share_frozen`.

    Args:
        name: Name of the ViT in timm, after `tu-`.
        stride: Pixels of the image per token, in each direction.
        normalization: Mean and std that images are normalized with; the ViT's own are applied instead.

    Attributes:
        channels: Number of features of a token.
        stride: Pixels of the image per token.
        vit: The ViT, whose names of weights are timm's.

    Raises:
        ConfigError: The model is no plain ViT.
    """

    def __init__(self, name: str, stride: int, normalization: Normalization) -> None:
        super().__init__()
        refusal = f"model.context={name} is no plain vision transformer of timm: give tu-vit_small_patch14_dinov2 or so"
        try:
            vit = timm.create_model(name.removeprefix("tu-"), num_classes=0, dynamic_img_size=True)
        except TypeError:  # a model without this option
            raise ConfigError(refusal) from None
        if not isinstance(vit, VisionTransformer) or type(vit.patch_embed) is not PatchEmbed:
            raise ConfigError(refusal)
        self.vit: Any = vit.requires_grad_(False)
        self.channels = vit.embed_dim
        self.stride, self._patch = stride, max(vit.patch_embed.patch_size)
        self.change = Renormalize(normalization, (vit.pretrained_cfg["mean"], vit.pretrained_cfg["std"]))
        self.train(False)

    def train(self, mode: bool = True) -> FrozenViT:
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Maps images `[B, 3, H, W]`, whose sides are multiples of the stride, to `[B, channels, H / stride, ...]`."""
        image, stride = self.change(image), self.stride
        while stride // 2 >= self._patch:  # bilinear resizing alone would skip pixels
            image, stride = F.avg_pool2d(image, 2), stride // 2
        if stride != self._patch:
            image = F.interpolate(image, scale_factor=self._patch / stride, mode="bilinear")
        rows, columns = image.shape[-2] // self._patch, image.shape[-1] // self._patch
        tokens: Tensor = self.vit.forward_features(image)[:, self.vit.num_prefix_tokens :]
        return tokens.reshape(-1, rows, columns, self.channels).permute(0, 3, 1, 2)


class ContextEncoder(nn.Module):
    """An encoder whose coarse features have those of a frozen ViT added, by learned projections, which start at zero.

    Args:
        cnn: An encoder of smp.
        vit: The ViT.
        deepest_only: Whether the decoder takes only the deepest features.

    Attributes:
        cnn: The encoder, which alone takes the encoder's learning rate and is frozen by `FreezeEncoder`.
        context: The ViT.
        output_stride: Sides of images must be multiples of it.
    """

    def __init__(self, cnn: Any, vit: FrozenViT, *, deepest_only: bool) -> None:
        super().__init__()
        self.cnn, self.context = cnn, vit
        self.output_stride = max(int(cnn.output_stride), vit.stride)
        self._joined = _coarse(cnn, vit.stride, 2 * self.output_stride, deepest_only)
        self.projections = nn.ModuleList(
            _projection(vit, own, cnn.out_channels[index]) for index, own in self._joined.items()
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Returns the encoder's maps of features, each half as large as the one before."""
        features, tokens = [*self.cnn(image)], self.context(image)
        for index, projection in zip(self._joined, self.projections, strict=True):
            features[index] = features[index] + projection(tokens)
        return features


def base_encoder(network: nn.Module) -> nn.Module:
    """Returns the encoder of a network without the context that may be joined to it."""
    encoder = network.get_submodule("encoder")
    return encoder.cnn if isinstance(encoder, ContextEncoder) else encoder


def share_frozen(copied: nn.Module, module: nn.Module) -> None:
    """Gives the copy of a module the frozen ViT of the module itself: its weights are then held and saved once."""
    for name, part in [*module.named_modules()]:
        if isinstance(part, FrozenViT):
            copied.set_submodule(name, part)


@torch.no_grad()
def _coarse(cnn: nn.Module, stride: int, side: int, deepest_only: bool) -> dict[int, int]:
    """Returns the stride of the maps of features that are joined by their index: the last of each coarse stride.

    Decoders that take an earlier map of a stride too would leave a projection without a gradient. Where all maps are
    finer than the tokens, the deepest is joined.
    """
    training = cnn.training
    maps = cnn.eval()(torch.zeros(1, 3, side, side))
    cnn.train(training)
    strides = {index: side // part.shape[-1] for index, part in enumerate(maps)}
    deepest = max(strides)
    last = {own: index for index, own in strides.items() if own >= stride and not deepest_only}
    return {index: own for own, index in last.items()} or {deepest: strides[deepest]}


def _projection(vit: FrozenViT, stride: int, channels: int) -> nn.Sequential:
    """Returns layers from tokens to a map of features. At first they give zeros, and the encoder's features stay."""
    norm = nn.BatchNorm2d(channels)
    nn.init.zeros_(norm.weight)
    return nn.Sequential(_resizing(vit.stride, stride), nn.Conv2d(vit.channels, channels, 1, bias=False), norm)


def _resizing(tokens: int, features: int) -> nn.Module:
    if features > tokens:
        return nn.AvgPool2d(features // tokens)
    return nn.Upsample(scale_factor=tokens // features, mode="bilinear") if features < tokens else nn.Identity()
