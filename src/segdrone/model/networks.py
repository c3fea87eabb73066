"""Segmentation networks by name."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn

from segdrone.errors import ConfigError
from segdrone.model.fcn import FCN

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "unet": smp.Unet,
    "unetplusplus": smp.UnetPlusPlus,
    "manet": smp.MAnet,
    "linknet": smp.Linknet,
    "fpn": smp.FPN,
    "pspnet": smp.PSPNet,
    "pan": smp.PAN,
    "deeplabv3": smp.DeepLabV3,
    "deeplabv3plus": smp.DeepLabV3Plus,
    "upernet": smp.UPerNet,
    "segformer": smp.Segformer,
    "dpt": partial(smp.DPT, dynamic_img_size=True, num_classes=0),  # timm's ViTs else take 224 x 224 alone
    "fcn": FCN,
}

# By how much the head enlarges its logits to the image's size, from the encoder's depth; smp has it for one depth only.
_UPSAMPLING: dict[str, Callable[[int], int]] = {"fpn": lambda depth: 2 ** (depth - 3), "pspnet": lambda depth: 2**depth}

# Arguments of smp that are no choice: the contract settles them.
_FIXED = {"in_channels", "classes", "activation", "upsampling", "aux_params", "encoder_weights", "kwargs"}

# Encoders of smp whose mean and std are not ImageNet's own, by the names of timm: smp has these on its hub only.
_TIMM_NAMES = {
    "xception": "tu-legacy_xception", "inceptionv4": "tu-inception_v4", "inceptionresnetv2": "tu-inception_resnet_v2",
    "dpn68": "tu-dpn68", "dpn98": "tu-dpn98", "dpn131": "tu-dpn131",
}  # fmt: skip

# Networks with batch-norm behind a global pooling: one image alone gives it nothing to take a variance of.
_NEEDS_BATCH_OF_TWO = (smp.PAN, smp.DeepLabV3, smp.DeepLabV3Plus, smp.UPerNet)


def build_network(name: str, *, classes: int, **options: Any) -> nn.Module:
    """Builds a network with random weights, in channels-last layout, which is the faster on CPU and GPU.

    It has an `encoder` and a `segmentation_head`, whose last convolution has one filter a class.

    Args:
        name: One of `NETWORKS`.
        classes: Number of classes C; the network maps float32 `[B, 3, H, W]` to logits `[B, C, H, W]`.
        **options: The network's own arguments, such as `encoder_name`.

    Raises:
        ConfigError: The network or its encoder is unknown, or an option does not fit it.
    """
    if name not in NETWORKS:
        raise ConfigError(f"model.name={name} is unknown: choose one of {', '.join(NETWORKS)}")
    # smp passes names that it does not know on to the encoder, where most of them vanish.
    parameters = inspect.signature(NETWORKS[name]).parameters
    unknown = sorted(options.keys() - (parameters.keys() - _FIXED))
    if unknown:
        raise ConfigError(f"model.{unknown[0]} is no option of {name}: mend conf/model")
    _check_encoder(str(options.get("encoder_name")))
    try:
        if name in _UPSAMPLING:
            depth = options.get("encoder_depth", parameters["encoder_depth"].default)
            options["upsampling"] = _UPSAMPLING[name](depth)
        with warnings.catch_warnings():
            # smp keeps its timm- encoders for old names' sake; they are its users' to choose.
            warnings.filterwarnings("ignore", message="`timm-` encoders", category=DeprecationWarning)
            network = NETWORKS[name](classes=classes, encoder_weights=None, **options)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"model {name} cannot be built from these options ({reason}): mend conf/model") from None
    return network.to(memory_format=torch.channels_last)


def round_up_to_stride(network: nn.Module, height: int, width: int) -> tuple[int, int]:
    """Returns the smallest size from `height` x `width` pixels up that the network takes.

    Both sides are multiples of the coarsest feature map's stride. DPT has one that is coarser than
    its encoder's patches; PAN halves the encoder's last features three times more.
    """
    encoder: Any = network.encoder
    stride, least = int(getattr(encoder, "output_stride", 1)), 1
    if isinstance(network, smp.DPT):
        stride = math.lcm(stride, 2 ** (len(encoder.out_channels) + 1))
    if isinstance(network, smp.PAN):
        least = 8 * stride
    return max(height + -height % stride, least), max(width + -width % stride, least)


def forward_any_size(network: nn.Module, image: Tensor) -> Tensor:
    """Runs a network on images of any size.

    Where the network takes only some sizes, images are padded on the right and below by repeating their last pixels,
    and the logits are cut back.

    Args:
        network: A network of `build_network`.
        image: Normalized images, float32 `[B, 3, H, W]`.

    Returns:
        Logits, float32 `[B, C, H, W]`, under autocast too: sums over half-precision logits would be too coarse.
    """
    height, width = image.shape[-2:]
    padded_height, padded_width = round_up_to_stride(network, height, width)
    if (padded_height, padded_width) != (height, width):
        padding = (0, padded_width - width, 0, padded_height - height)
        image = torch.nn.functional.pad(image, padding, mode="replicate")
    logits: Tensor = network(image)
    return logits[..., :height, :width].float()


def supports_batch_of_one(network: nn.Module) -> bool:
    """Tells whether a training batch may be of one image; if not, torch raises an error."""
    return not isinstance(network, _NEEDS_BATCH_OF_TWO)


def pretrained_normalisation(encoder_name: str) -> tuple[Sequence[float], Sequence[float]] | None:
    """Returns the mean and std that an encoder was trained with; None is ImageNet's own.

    Raises:
        ConfigError: The encoder is unknown.
    """
    _check_encoder(encoder_name)
    name = _TIMM_NAMES.get(encoder_name, encoder_name)
    for prefix in ("tu-", "timm-"):
        if name.startswith(prefix):
            config = timm.get_pretrained_cfg(name.removeprefix(prefix), allow_unregistered=True)
            return (config.mean, config.std) if config else None
    return None


def model_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a checkpoint must know of `conf/model`: all but where first weights came from."""
    return {key: value for key, value in options.items() if key != "encoder_weights"}


def _check_encoder(name: str) -> None:
    """Admits registered encoders only: timm would fetch a name such as `hf-hub:someone/model`."""
    model, _, tag = name.removeprefix("tu-").partition(".")
    if not (timm.is_model(model) if name.startswith("tu-") else name in smp.encoders.encoders):
        raise ConfigError(
            f"model.encoder_name={name} is unknown: choose one of smp's encoders (mobilenet_v2, resnet34, ...) "
            "or tu- and the name of a timm model"
        )
    if tag and f"{model}.{tag}" not in (tagged := timm.list_models(f"{model}.*", pretrained=True)):
        raise ConfigError(f"model.encoder_name={name} is none of timm's weights: choose one of {', '.join(tagged)}")
