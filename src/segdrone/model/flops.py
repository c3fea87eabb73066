"""What a network costs: parameters, and multiply-adds of one image."""

from __future__ import annotations

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from segdrone.errors import ConfigError
from segdrone.model.networks import round_up_to_stride


def summarize(network: nn.Module, size: tuple[int, int]) -> str:
    """Returns a line such as `6.6 million parameters, 40.3 billion multiply-adds at 704 x 1056`.

    Raises:
        ConfigError: The network cannot take images of this height and width, or its logits have others.
    """
    millions, billions = count_parameters(network) / 1e6, count_macs(network, *round_up_to_stride(network, *size)) / 1e9
    return f"{millions:.1f} million parameters, {billions:.3g} billion multiply-adds at {size[0]} x {size[1]}"


def count_parameters(network: nn.Module) -> int:
    """Returns the number of trainable values."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: nn.Module, height: int, width: int) -> int:
    """Counts the multiply-adds of one image of `height` x `width` pixels, of convolutions and matrix products.

    The image and a stand-in for each weight have a shape and no values, so it takes a fifth of a
    second and no memory. What else a network does (normalisation, activation, resizing) is not
    counted, as is usual.

    Raises:
        ConfigError: The network cannot take images of this size, or its logits have another.
    """
    tensors = {name: tensor.to("meta") for name, tensor in [*network.named_parameters(), *network.named_buffers()]}
    image = torch.empty(1, 3, height, width, device="meta")
    training = network.training
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            logits = functional_call(network.eval(), tensors, (image,))
    except (RuntimeError, ValueError, AssertionError, IndexError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"the network cannot take {height} x {width} pixels ({reason}): mend conf/model") from None
    finally:
        network.train(training)
    if tuple(logits.shape[-2:]) != (height, width):
        raise ConfigError(
            f"the network makes {logits.shape[-2]} x {logits.shape[-1]} logits of {height} x {width} pixels: "
            "take another encoder, or its other depth"
        )
    return int(counter.get_total_flops()) // 2
