"""Compute the cost of a network: parameters, and multiply-adds per image."""

from __future__ import annotations

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from segdrone.errors import ConfigError
from segdrone.model.any_size import round_up_to_stride


def summarize(network: nn.Module, size: tuple[int, int]) -> str:
    """Returns a line such as `6.6 million parameters, 40.3 billion multiply-adds at 704 x 1056`.

    Args:
        network: A network of `build_network`.
        size: Height and width of an image in pixels.

    Raises:
        ConfigError: The network does not take images of this size, or its logits have another size.
    """
    millions, billions = count_parameters(network) / 1e6, count_macs(network, *round_up_to_stride(network, *size)) / 1e9
    return f"{millions:.1f} million parameters, {billions:.3g} billion multiply-adds at {size[0]} x {size[1]}"


def count_parameters(network: nn.Module) -> int:
    """Returns the number of values in the parameters.

    Example:
        >>> count_parameters(nn.Conv2d(3, 8, kernel_size=1))
        32
    """
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: nn.Module, height: int, width: int) -> int:
    """Counts the multiply-adds of the convolutions and matrix products, for one image.

    The network runs on tensors without values ("meta"), which takes a fifth of a second and no memory. As usual, other
    layers (normalization, activation, resizing) are not counted.

    Args:
        network: Maps images `[B, 3, H, W]` to logits `[B, C, H, W]`.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Raises:
        ConfigError: The network does not take images of this size, or its logits have another size.

    Example:
        >>> count_macs(nn.Conv2d(3, 8, kernel_size=1), height=10, width=20) == 10 * 20 * 3 * 8
        True
    """
    tensors = {name: tensor.to("meta") for name, tensor in [*network.named_parameters(), *network.named_buffers()]}
    image = torch.empty(1, 3, height, width, device="meta")
    training = network.training
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            logits = functional_call(network.eval(), tensors, (image,))
    except (RuntimeError, ValueError, AssertionError, IndexError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"the network cannot take {height} x {width} pixels ({reason}): fix conf/model") from None
    finally:
        network.train(training)
    if tuple(logits.shape[-2:]) != (height, width):
        raise ConfigError(
            f"the network makes {logits.shape[-2]} x {logits.shape[-1]} logits of {height} x {width} pixels: "
            "choose another encoder or encoder_depth"
        )
    return int(counter.get_total_flops()) // 2
