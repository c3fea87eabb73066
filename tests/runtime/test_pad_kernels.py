import copy

import pytest
import timm
import torch
from timm.layers import Conv2dSame
from torch import nn

from segdrone.runtime.pad_kernels import pad_kernels


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kernel, stride, groups", [(3, 2, 6), (5, 2, 6), (3, 2, 1), (4, 2, 1), (3, 3, 1), (1, 2, 1)])
def test_outputs_of_each_kernel_are_the_same(kernel: int, stride: int, groups: int, bias: bool) -> None:
    convolution = Conv2dSame(6, 12, kernel, stride=stride, groups=groups, bias=bias)
    images = torch.rand(2, 6, 30, 42)
    expected = convolution(images)
    torch.testing.assert_close(pad_kernels(nn.Sequential(convolution))(images), expected)


def test_no_convolution_of_an_encoder_copies_what_it_takes() -> None:
    encoder = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    padded = pad_kernels(copy.deepcopy(encoder))
    assert not any(isinstance(module, Conv2dSame) for module in padded.modules())
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        for found, expected in zip(padded(images), encoder(images), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)  # summed in another order
