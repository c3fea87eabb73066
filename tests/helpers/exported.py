"""Networks of every file of `conf/model`, small, with distinct classes, as exports are compared with them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import nn

from segdrone.classes import ClassTable
from segdrone.model.any_size import round_up_to_stride
from segdrone.model.networks import build_network, model_settings
from segdrone.runtime.description import Description, Signature
from segdrone.spec import ModelSpec
from tests.helpers.commands import REPO
from tests.helpers.network_files import NETWORK_FILES
from tests.helpers.small_vit import SMALL_VIT

CONFIGS = [path.stem for path in NETWORK_FILES]
CLASSES = ClassTable(("road", "grass", "car", "tree"), ((0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 1, 1)))
SPEC = ModelSpec(CLASSES, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), training_size=(48, 64))

# Encoders of the same kinds of layers as those of the files, which take a tenth of the time to export.
_SMALLER = {
    "mobilenet_v2": "tu-test_efficientnet",
    "tu-convnext_tiny.in12k_ft_in1k": "tu-test_convnext",
    "tu-vit_tiny_patch16_224": "tu-test_vit",
    "tu-vit_small_patch14_dinov2": SMALL_VIT,
    "vgg16_bn": "vgg11_bn",
    "tu-mobilenetv4_conv_small.e2400_r224_in1k": "tu-mobilenetv4_conv_small_035",
}


@cache
def small_network(config: str) -> nn.Module:
    """Returns the network of a file of `conf/model` with a small encoder; it is shared, and must not be changed."""
    options: dict[str, Any] = yaml.safe_load((REPO / "conf" / "model" / f"{config}.yaml").read_text())
    settings = {name: _narrow(value) if "channels" in name else value for name, value in options.items()}
    settings["context"] = _SMALLER.get(str(options.get("context")))
    settings["encoder_name"] = _SMALLER.get(options["encoder_name"], options["encoder_name"])
    torch.manual_seed(0)
    return distinct(build_network(**model_settings(settings), classes=len(CLASSES)))


@torch.no_grad()
def distinct(network: nn.Module) -> nn.Module:
    """Scales the head's weights so that the best class of a pixel is no tie, as it is with random ones."""
    images = torch.from_numpy(random_pixels(4, *round_up_to_stride(network, 96, 128))).permute(0, 3, 1, 2)
    normalized = (images / 255 - torch.tensor(SPEC.mean)[:, None, None]) / torch.tensor(SPEC.std)[:, None, None]
    logits = network.eval()(normalized)
    head = network.segmentation_head
    assert isinstance(head, nn.Module)
    *_, last = (module for module in head.modules() if isinstance(module, nn.Conv2d))
    assert last.bias is not None
    factor = 2 / logits.std((0, 2, 3))
    last.weight *= factor[:, None, None, None]
    last.bias.copy_(factor * (last.bias - logits.mean((0, 2, 3))))
    return network


def random_pixels(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """Returns windows, uint8 `[N, H, W, 3]`, of coarse shapes of random colors with noise."""
    rng = np.random.default_rng(number * height * width)
    coarse = rng.uniform(-40, 295, (number, 3, 4, 3)).astype(np.float32)
    images = np.stack([cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC) for image in coarse])
    return np.clip(images + rng.normal(0, 15, images.shape), 0, 255).astype(np.uint8)


def describe(network: nn.Module, window: tuple[int, int] | None = None) -> Description:
    """Returns the description of an exported network, which takes any size or one."""
    stride = round_up_to_stride(network, 1, 1)
    return Description(SPEC, Signature("pixels" if window is None else "unit", "probabilities", stride, window))


def _narrow(channels: Any) -> Any:
    return [_narrow(value) for value in channels] if isinstance(channels, list) else min(channels, 128)


def write_onnx(path: Path, config: str = "fpn_mbv2", window: tuple[int, int] | None = None) -> Path:
    """Exports the small network of a file of `conf/model` as `path`."""
    from segdrone.export.to_onnx import to_onnx

    network = small_network(config)
    to_onnx(network, describe(network, window), path)
    return path
