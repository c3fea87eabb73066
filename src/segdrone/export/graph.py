"""Wrap a network as one graph from pixels to probabilities, in operations that every exporter can write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from segdrone.errors import CheckpointError
from segdrone.model.any_size import round_up_to_stride
from segdrone.runtime.description import Description, Signature
from segdrone.runtime.pad_kernels import pad_kernels
from segdrone.spec import ModelSpec

_CUBIC = -0.5  # coefficient of the kernel of torch's bicubic interpolation with antialias


class InferenceGraph(nn.Module):
    """A network with normalization before it, padding to its stride, and softmax behind it.

    Args:
        network: A network of `build_network`, in evaluation mode, on CPU. It is changed by `pad_kernels`.
        spec: What it expects.
        signature: Form of the input: `pixels` or `unit`.
        half: Compute the network in half precision; normalization and softmax stay in float32.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, spec: ModelSpec, signature: Signature, *, half: bool = False) -> None:
        super().__init__()
        self.network, self.signature, self.half_precision = pad_kernels(network), signature, half
        self._classes, self._instances = len(spec.classes), spec.instances
        least = round_up_to_stride(network, 1, 1)[0]
        self._least, self._stride = least, round_up_to_stride(network, least + 1, 1)[0] - least
        mean, std = (torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1) for values in (spec.mean, spec.std))
        largest = 255 if signature.input == "pixels" else 1
        self.register_buffer("scale", (1 / (largest * std)).float())
        self.register_buffer("shift", (-mean / std).float())

    def forward(self, pixels: Tensor) -> Tensor:
        """Maps pixels, in the form of the signature, to probabilities, float32 `[N, C, H, W]`, and other planes."""
        if self.signature.input == "pixels":
            pixels = pixels.permute(0, 3, 1, 2).float()
        image = pixels * self.scale + self.shift
        if self.signature.window is not None:  # a size of the network: converters of fixed graphs need no padding
            return self._finish(self._network(image))
        height, width = image.shape[-2:]
        padding = (0, self._missing(width), 0, self._missing(height))
        logits = self._network(nn.functional.pad(image, padding, mode="replicate"))
        return self._finish(logits[..., :height, :width])

    def _finish(self, output: Tensor) -> Tensor:
        probabilities = _softmax(output[:, : self._classes])
        return torch.cat([probabilities, output[:, self._classes :]], 1) if self._instances else probabilities

    def _network(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image.half() if self.half_precision else image)
        return logits.float()

    def _missing(self, side: Any) -> Any:
        """Returns how many pixels a side lacks to the next size that the network takes; in a trace, as a tensor."""
        rounded = side + -side % self._stride
        if self._least > self._stride:
            rounded = torch.clamp(torch.as_tensor(rounded), min=self._least)
        missing = rounded - side
        tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        return missing if tracing else int(missing)


def example_input(signature: Signature, batch: int = 2) -> Tensor:
    """Returns noise in the form of a graph's input, of its one size or of an odd one, to trace it with."""
    height, width = signature.window or (127, 131)  # primes: no padding or rounding is zero by chance
    if signature.input == "pixels":
        return torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8)
    return torch.rand(batch, 3, height, width)


def refusal(target: str, description: Description, error: Exception) -> CheckpointError:
    """Returns the error for a network that an exporter refuses; options of a network can fail in any way."""
    name = description.spec.made_by.get("network", "the network")
    reason = " ".join(str(error).split())[:200]
    return CheckpointError(f"{name} cannot be exported to {target} ({reason}): give another model or format")


def _softmax(logits: Tensor) -> Tensor:
    """Softmax over axis 1, by operations of their own: that of ONNX Runtime takes five times as long for this axis."""
    exponentials = (logits - logits.amax(1, keepdim=True)).exp()
    return exponentials * (1 / exponentials.sum(1, keepdim=True))  # a division of each costs a sixth more


@contextmanager
def exportable_operations() -> Iterator[None]:
    """Replaces operations that exporters cannot write for any size by equal ones that they can."""
    with _Replaced():
        yield


class _Replaced(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func is nn.functional.adaptive_avg_pool2d:
            return _adaptive_avg_pool(*args, **options)
        if func is nn.functional.interpolate and options.get("mode") == "area":  # PSPNet's pooling in an export
            return _adaptive_avg_pool(args[0], options["size"])
        if func is nn.functional.interpolate and options.get("antialias"):
            return _bicubic_antialias(*args, **options)
        if func is nn.functional.max_pool2d_with_indices:
            return _max_pool_with_places(*args, **options)
        if func is nn.functional.max_unpool2d:
            return _max_unpool(*args, **options)
        return func(*args, **options)


def _adaptive_avg_pool(image: Tensor, output_size: Any) -> Tensor:
    """Adaptive average pooling: cell i of n averages the rows from floor(i H / n) to ceil((i + 1) H / n)."""
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    if rows == columns == 1:
        return image.mean((2, 3), keepdim=True)
    return _resample(image, rows, columns, _cell_weights)


def _cell_weights(length: Any, cells: Any) -> Tensor:
    cell, position = torch.arange(cells)[:, None], torch.arange(length)[None]
    first = torch.div(cell * length, cells, rounding_mode="floor")
    end = torch.div((cell + 1) * length + cells - 1, cells, rounding_mode="floor")
    inside = ((position >= first) & (position < end)).float()
    return inside / inside.sum(1, keepdim=True)


def _max_pool_with_places(
    image: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, *_: Any, **__: Any
) -> tuple[Tensor, Tensor]:
    """Max pooling of 2 x 2 pixels, and the place of the first largest one: 0 and 1 above, 2 and 3 below.

    Torch's indices count the pixels of the whole image, whose size a file for any size does not know. Only the order
    of the values decides, which quantization keeps.
    """
    if (kernel_size, stride or 2, padding, dilation) != (2, 2, 0, 1):
        raise NotImplementedError(f"max pooling with indices of kernel_size={kernel_size}, padding={padding}, ...")
    corners = image[..., ::2, ::2], image[..., ::2, 1::2], image[..., 1::2, ::2], image[..., 1::2, 1::2]
    above, below = torch.maximum(*corners[:2]), torch.maximum(*corners[2:])
    place_above, place_below = (corners[1] > corners[0]).to(image.dtype), (corners[3] > corners[2]).to(image.dtype) + 2
    return torch.maximum(above, below), torch.where(below > above, place_below, place_above)


def _max_unpool(pooled: Tensor, places: Tensor, *_: Any, **__: Any) -> Tensor:
    """Puts values back to the places of `_max_pool_with_places`, with zeros elsewhere."""
    chosen = places[:, :, None] == torch.arange(4).view(4, 1, 1)
    spread = torch.where(chosen, pooled[:, :, None], torch.zeros((), dtype=pooled.dtype))
    return nn.functional.pixel_shuffle(spread.flatten(1, 2), 2)


def _bicubic_antialias(
    image: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "bicubic", **_: Any
) -> Tensor:
    """`interpolate(mode="bicubic", antialias=True)` to a size, as vision transformers resize their positions."""
    if mode != "bicubic" or size is None:
        raise NotImplementedError(f"interpolate(mode={mode}, antialias=True) cannot be exported")
    return _resample(image, size[0], size[1], _cubic_weights)


def _cubic_weights(length: Any, cells: Any) -> Tensor:
    """Weights of Keys' cubic kernel (1981), stretched where the size shrinks."""
    scale = torch.as_tensor(length, dtype=torch.float32) / torch.as_tensor(cells, dtype=torch.float32)
    center = (torch.arange(cells)[:, None] + 0.5) * scale
    distance = ((torch.arange(length)[None] + 0.5 - center) / scale.clamp(min=1)).abs()
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1
    far = ((distance - 5) * distance + 8) * distance * _CUBIC - 4 * _CUBIC
    weights = torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros_like(far)))
    return weights / weights.sum(1, keepdim=True)


def _resample(image: Tensor, rows: Any, columns: Any, weights: Callable[[Any, Any], Tensor]) -> Tensor:
    down = weights(image.shape[2], rows).to(image.dtype)
    across = weights(image.shape[3], columns).to(image.dtype)
    return down @ image @ across.transpose(0, 1)
