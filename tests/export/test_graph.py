"""Operations that replace those which exporters cannot write are equal to torch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segdrone.export.graph import InferenceGraph, exportable_operations
from segdrone.model.any_size import forward_any_size
from segdrone.runtime.description import Signature
from tests.helpers.exported import SPEC, small_network

SIZES = [(1, 1), (1, 7), (2, 3), (5, 6), (6, 5), (7, 11), (13, 13), (16, 17), (31, 64), (97, 61)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cells", [1, 2, 3, 6, (6, 1), (4, 9), (16, 17)])
def test_adaptive_average_pooling_is_that_of_torch(size: tuple[int, int], cells: int | tuple[int, int]) -> None:
    image = torch.randn(2, 3, *size)
    expected = F.adaptive_avg_pool2d(image, cells)
    with exportable_operations():
        by_module, by_area = nn.AdaptiveAvgPool2d(cells)(image), F.interpolate(image, expected.shape[2:], mode="area")
    torch.testing.assert_close(by_module, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(by_area, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("new_size", [(1, 1), (2, 5), (14, 14), (16, 17), (33, 8), (61, 97)])
def test_bicubic_interpolation_with_antialias_is_that_of_torch(
    size: tuple[int, int], new_size: tuple[int, int]
) -> None:
    image = torch.randn(1, 4, *size)
    expected = F.interpolate(image, size=new_size, mode="bicubic", antialias=True)
    with exportable_operations():
        replaced = F.interpolate(image, size=new_size, mode="bicubic", antialias=True)
    torch.testing.assert_close(replaced, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("size", [(2, 2), (2, 6), (8, 4), (62, 34)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_max_unpooling_is_that_of_torch(size: tuple[int, int], dtype: torch.dtype) -> None:
    image = torch.randint(0, 3, (2, 3, *size)).to(dtype)  # in most windows, two pixels are the largest
    values = torch.randn(2, 3, size[0] // 2, size[1] // 2).to(dtype)
    pooled, indices = F.max_pool2d(image, 2, return_indices=True)
    expected = F.max_unpool2d(values, indices, (2, 2))
    with exportable_operations():
        replaced, places = F.max_pool2d(image, kernel_size=2, return_indices=True)
        unpooled = F.max_unpool2d(values, places, kernel_size=(2, 2))
    assert torch.equal(replaced, pooled)
    assert torch.equal(unpooled, expected)


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [(3, 2, 0), (2, 1, 0), (2, 2, 1)])
def test_another_pooling_with_indices_is_refused(kernel_size: int, stride: int, padding: int) -> None:
    with exportable_operations(), pytest.raises(NotImplementedError, match="max pooling with indices"):
        F.max_pool2d(torch.zeros(1, 1, 6, 6), kernel_size, stride, padding, return_indices=True)


def test_another_interpolation_with_antialias_is_refused() -> None:
    with exportable_operations(), pytest.raises(NotImplementedError, match="mode=bilinear, antialias=True"):
        F.interpolate(torch.zeros(1, 1, 4, 4), size=(2, 2), mode="bilinear", antialias=True)


def test_other_operations_are_left_alone() -> None:
    image = torch.randn(1, 3, 9, 9)
    expected = F.interpolate(image, size=(5, 4), mode="bilinear"), F.avg_pool2d(image, 3), F.interpolate(image, (4, 4))
    with exportable_operations():
        kept = F.interpolate(image, size=(5, 4), mode="bilinear"), F.avg_pool2d(image, 3), F.interpolate(image, (4, 4))
    assert all(map(torch.equal, kept, expected))


@pytest.mark.parametrize("form", ["pixels", "unit"])
@pytest.mark.parametrize("config", ["fpn_mbv2", "pan_mbv2"])  # PAN has a smallest size besides its stride
@pytest.mark.parametrize("size", [(61, 97), (1, 1), (256, 288)])
@torch.inference_mode()
def test_the_graph_computes_from_pixels_what_the_network_does(form: str, config: str, size: tuple[int, int]) -> None:
    network = small_network(config)
    pixels = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    unit = pixels.permute(0, 3, 1, 2) / 255
    normalized = (unit - torch.tensor(SPEC.mean)[:, None, None]) / torch.tensor(SPEC.std)[:, None, None]
    expected = forward_any_size(network, normalized).softmax(1)
    graph = InferenceGraph(network, SPEC, Signature("pixels" if form == "pixels" else "unit")).eval()
    probabilities = graph(pixels if form == "pixels" else unit)
    torch.testing.assert_close(probabilities, expected, rtol=0, atol=1e-4)
