"""Give the padding of TensorFlow to kernels instead of images, for faster inference."""

from __future__ import annotations

from timm.layers import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional as F


def pad_kernels(network: nn.Module) -> nn.Module:
    """Replaces the convolutions of timm that copy what they take in order to pad it; the outputs stay the same.

    Encoders whose names begin with `tf_` pad as TensorFlow does: with a stride of 2, one pixel more at the bottom and
    right than at the top and left. torch's convolutions pad both sides alike, so timm copies the features first, which
    takes longer than the convolution. A kernel with a row and a column of zeros before its own needs no copy.

    Args:
        network: It is changed.

    Returns:
        The network.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, Conv2dSame) and module.dilation == (1, 1):
            network.set_submodule(name, _PaddedKernel(module))
    return network


class _PaddedKernel(nn.Module):
    def __init__(self, convolution: Conv2dSame) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, images: Tensor) -> Tensor:
        convolution = self.convolution
        height, width = (
            max(((side - 1) // stride) * stride + kernel - side, 0)
            for side, kernel, stride in zip(images.shape[2:], convolution.kernel_size, convolution.stride, strict=True)
        )  # rows and columns that are missing
        kernels = F.pad(convolution.weight, (width % 2, 0, height % 2, 0))
        padding = -(-height // 2), -(-width // 2)
        return F.conv2d(images, kernels, convolution.bias, convolution.stride, padding, groups=convolution.groups)
