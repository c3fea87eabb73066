"""Give the padding of TensorFlow to kernels instead of images, for faster inference."""

from __future__ import annotations

from timm.layers import Conv2dSame
from torch import nn
from torch.nn import functional as F


def pad_kernels(network: nn.Module) -> nn.Module:
    """Replaces the convolutions of timm that copy what they take in order to pad it; the outputs stay the same.

    Encoders whose names begin with `tf_` pad as TensorFlow does: with a stride of 2, one pixel more at the bottom and
    right than at the top and left. torch's convolutions pad both sides alike, so timm copies the features first, which
    takes longer than the convolution, and an exported file computes the padding anew for each image. A kernel with a
    row and a column of zeros before its own needs neither.

    Args:
        network: A network of `build_network`; it is changed. The sides of images must be multiples of its stride, as
            those of `pad_to_stride` are: then all padding is known.

    Returns:
        The network.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, Conv2dSame) and module.dilation == (1, 1):
            network.set_submodule(name, _with_padded_kernel(module))
    return network


def _with_padded_kernel(convolution: Conv2dSame) -> nn.Conv2d:
    height, width = (
        max(kernel - stride, 0) for kernel, stride in zip(convolution.kernel_size, convolution.stride, strict=True)
    )  # rows and columns that are padded
    replaced = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        (convolution.kernel_size[0] + height % 2, convolution.kernel_size[1] + width % 2),
        stride=convolution.stride,
        padding=(-(-height // 2), -(-width // 2)),
        groups=convolution.groups,
        device="meta",  # its own weights are not needed
    )
    weight = F.pad(convolution.weight.detach(), (width % 2, 0, height % 2, 0))
    replaced.weight = nn.Parameter(weight, requires_grad=False)
    replaced.bias = convolution.bias
    return replaced.train(convolution.training)
