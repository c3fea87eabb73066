"""Run a network on images of any size, which many networks do not take."""

from __future__ import annotations

import copy
import math
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from segdrone.model.ensemble import Ensemble


def round_up_to_stride(network: nn.Module, height: int, width: int) -> tuple[int, int]:
    """Rounds a size up to the next one that the network takes.

    Both sides must be multiples of the stride of the coarsest feature map. In DPT this map is coarser than the
    encoder's patches. PAN halves the encoder's last features three more times, so its images have a smallest size.

    Args:
        network: A network of `build_network`.
        height: Height of an image in pixels.
        width: Width of an image in pixels.

    Returns:
        Height and width in pixels.

    Example:
        >>> from segdrone.model.networks import build_network
        >>> round_up_to_stride(build_network("unet", classes=2, encoder_name="resnet18"), 500, 750)
        (512, 768)
    """
    stride, smallest = _stride_and_smallest(network)
    return max(height + -height % stride, smallest), max(width + -width % stride, smallest)


def _stride_and_smallest(network: nn.Module) -> tuple[int, int]:
    if isinstance(network, Ensemble):
        strides, smallest = zip(*map(_stride_and_smallest, network.members), strict=True)
        stride = math.lcm(*strides)
        return stride, -(-max(smallest) // stride) * stride
    encoder: Any = network.encoder
    stride = int(getattr(encoder, "output_stride", 1))
    if isinstance(network, smp.DPT):
        stride = math.lcm(stride, 2 ** (len(encoder.out_channels) + 1))
    return stride, 8 * stride if isinstance(network, smp.PAN) else 1


def forward_any_size(network: nn.Module, image: Tensor) -> Tensor:
    """Runs a network on images of any size.

    Where the network takes only some sizes, images are padded on the right and below by repeating their last pixels,
    and the logits are cut back.

    Args:
        network: A network of `build_network`.
        image: Normalized images, float32 `[B, 3, H, W]`.

    Returns:
        The network's output, such as logits, float32 `[B, C, H, W]`, under autocast too: sums over half-precision
        logits would be too coarse.
    """
    height, width = image.shape[-2:]
    logits: Tensor = network(pad_to_stride(network, image))
    return logits[..., :height, :width].float()


def pad_to_stride(network: nn.Module, image: Tensor) -> Tensor:
    """Returns images `[B, 3, H, W]`, padded on the right and below to a size that the network takes."""
    height, width = image.shape[-2:]
    padded_height, padded_width = round_up_to_stride(network, height, width)
    if (padded_height, padded_width) == (height, width):
        return image
    padding = (0, padded_width - width, 0, padded_height - height)
    return torch.nn.functional.pad(image, padding, mode="replicate")


@torch.no_grad()
def supports_batch_of_one(network: nn.Module, height: int, width: int) -> bool:
    """Returns whether the network can be trained on a batch of one image of this size; if not, torch raises an error.

    A batch norm behind a global pooling, of the network or its encoder, then has one value per channel. A copy without
    values ("meta") tries it.
    """
    copied = copy.deepcopy(network).to("meta").train()
    size, dtype = round_up_to_stride(network, height, width), next(copied.parameters()).dtype
    try:
        copied(torch.empty(1, 3, *size, dtype=dtype, device="meta"))
    except (ValueError, RuntimeError) as error:
        return "more than 1 value per channel" not in str(error)
    return True
