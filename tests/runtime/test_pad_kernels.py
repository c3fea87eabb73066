import copy

import pytest
import timm
import torch
from timm.layers import Conv2dSame

from segdrone.runtime.pad_kernels import pad_kernels


@pytest.mark.parametrize("height", [31, 32])
@pytest.mark.parametrize("width", [45, 46])
@pytest.mark.parametrize("kernel, stride, groups", [(3, 2, 6), (5, 2, 6), (3, 2, 1), (4, 2, 1), (3, 3, 1), (1, 2, 1)])
def test_outputs_of_each_size_and_kernel_are_the_same(
    height: int, width: int, kernel: int, stride: int, groups: int
) -> None:
    convolution = Conv2dSame(6, 12, kernel, stride=stride, groups=groups)
    images = torch.rand(2, 6, height, width)
    expected = convolution(images)
    padded = pad_kernels(torch.nn.Sequential(convolution))
    torch.testing.assert_close(padded(images), expected)


def test_no_convolution_of_an_encoder_copies_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    padded = pad_kernels(copy.deepcopy(encoder))
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        expected = encoder(images)
        monkeypatch.setattr(Conv2dSame, "forward", None)
        for found, wanted in zip(padded(images), expected, strict=True):
            torch.testing.assert_close(found, wanted)
