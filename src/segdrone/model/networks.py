"""Build segmentation networks by name."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.base import SegmentationModel
from torch import Tensor, nn

from segdrone.errors import ConfigError
from segdrone.model import ddrnet, enet
from segdrone.model.context import STRIDES, ContextEncoder, FrozenViT
from segdrone.model.ensemble import ENSEMBLE, Ensemble
from segdrone.model.fcn import FCN
from segdrone.model.instance_head import PanopticHead
from segdrone.model.renormalize import Normalization
from segdrone.model.segnet import SegNet
from segdrone.normalize import IMAGENET_MEAN, IMAGENET_STD

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
    "dpt": partial(smp.DPT, dynamic_img_size=True, num_classes=0),  # by default timm's ViTs take only 224 x 224
    "fcn": FCN,
    "segnet": SegNet,
    "enet": enet.ENet,
    "ddrnet": ddrnet.DDRNet,
}

# Encoders that belong to one network, and are none of smp's or timm's.
_OWN_ENCODERS = {enet.ENCODER, *ddrnet.WIDTHS}

# Factor by which the head upsamples its logits to the image's size, by encoder depth; smp's default fits one depth.
_UPSAMPLING: dict[str, Callable[[int], int]] = {"fpn": lambda depth: 2 ** (depth - 3), "pspnet": lambda depth: 2**depth}

# Arguments of smp that a user cannot choose: networks map 3 channels to one logit per class.
_FIXED = {"in_channels", "classes", "activation", "upsampling", "aux_params", "encoder_weights", "kwargs"}

# Names in timm of the encoders of smp whose mean and std are not those of ImageNet: smp keeps them only on its hub.
_TIMM_NAMES = {
    "xception": "tu-legacy_xception", "inceptionv4": "tu-inception_v4", "inceptionresnetv2": "tu-inception_resnet_v2",
    "dpn68": "tu-dpn68", "dpn98": "tu-dpn98", "dpn131": "tu-dpn131",
}  # fmt: skip

# Networks with an encoder of smp that returns a list of features; those of DPT are a ViT's own.
_TAKES_CONTEXT = [
    key for key, kind in NETWORKS.items() if isinstance(kind, type) and issubclass(kind, SegmentationModel)
]

# Networks whose decoder takes the deepest features alone.
_DEEPEST_ONLY = (smp.PSPNet, smp.DeepLabV3)


def build_network(
    name: str,
    *,
    classes: int,
    instances: bool = False,
    context: str | None = None,
    context_stride: int = 16,
    normalization: Normalization | None = None,
    **options: Any,
) -> nn.Module:
    """Builds a network with random weights, in channels-last layout, which is faster on CPU and GPU.

    It has an `encoder` and a `segmentation_head`, whose last convolution has one filter per class.

    Args:
        name: One of `NETWORKS`.
        classes: Number of classes C.
        instances: Add a head that tells things apart: see `PanopticHead`.
        context: Name of a vision transformer whose features are joined to those of the encoder: see `ContextEncoder`.
        context_stride: Pixels per token of it, in each direction.
        normalization: Mean and std of the images, which `context` is to know; None are those of the encoder's weights.
        **options: Arguments of the network, such as `encoder_name`.

    Returns:
        A network that maps images, float32 `[B, 3, H, W]`, to logits `[B, C, H, W]`; with `instances`, to these and the
        planes of the instance head, `[B, C + 3, H, W]`.

    Raises:
        ConfigError: The network or its encoder is unknown, or an option does not fit it.

    Example:
        >>> network = build_network("unet", classes=2, encoder_name="mobilenet_v2")
        >>> network(torch.zeros(2, 3, 32, 64)).shape
        torch.Size([2, 2, 32, 64])
    """
    if name == ENSEMBLE and "members" in options:  # not from conf/model
        return _build_ensemble(classes, normalization, **options)
    check_network(name, instances=instances, context=context, context_stride=context_stride, **options)
    try:
        if name in _UPSAMPLING:
            parameters = inspect.signature(NETWORKS[name]).parameters
            depth = options.get("encoder_depth", parameters["encoder_depth"].default)
            options["upsampling"] = _UPSAMPLING[name](depth)
        with warnings.catch_warnings():
            # Deprecated by smp, but weights trained with them exist.
            warnings.filterwarnings("ignore", message="`timm-` encoders", category=DeprecationWarning)
            network = NETWORKS[name](classes=classes, encoder_weights=None, **options)
        if isinstance(network, smp.FPN) and network.decoder.merge.policy == "add":
            network.decoder.merge = _Sum()
        if instances:
            network.segmentation_head = PanopticHead(network.get_submodule("segmentation_head"))
        if context is not None:
            pretrained = pretrained_normalization(str(options["encoder_name"]))
            vit = FrozenViT(context, context_stride, normalization or pretrained or (IMAGENET_MEAN, IMAGENET_STD))
            deepest_only = isinstance(network, _DEEPEST_ONLY)
            network.encoder = ContextEncoder(network.encoder, vit, deepest_only=deepest_only)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"model {name} cannot be built from these options ({reason}): fix conf/model") from None
    return network.to(memory_format=torch.channels_last)


class _Sum(nn.Module):
    """Adds the features of all scales.

    smp stacks them first, which takes ten times as long in channels-last layout, and returns another layout. The sum is
    the same to the bit.
    """

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        return sum(features[1:], features[0])


def _build_ensemble(
    classes: int, normalization: Normalization | None, *, encoder_name: str, members: Sequence[Mapping[str, Any]]
) -> Ensemble:
    """Builds an ensemble of the members that `combine_checkpoints` describes."""
    normalizations = [tuple(member["normalization"]) for member in members]
    networks = []
    for member, expected in zip(members, normalizations, strict=True):
        settings = {key: value for key, value in member.items() if key != "normalization"}
        if settings["name"] == ENSEMBLE or settings.get("instances"):
            raise ConfigError("an ensemble has networks without an instance head, and no ensemble among them")
        networks.append(build_network(**settings, classes=classes, normalization=expected))
    return Ensemble(networks, normalizations, normalization or normalizations[0])


def check_network(
    name: str, *, instances: Any = False, context: Any = None, context_stride: Any = 16, **options: Any
) -> None:
    """Checks names before a network is built, which takes a while.

    Raises:
        ConfigError: The network, its encoder or an option is unknown.
    """
    if name not in NETWORKS:
        raise ConfigError(f"model.name={name} is unknown: choose one of {', '.join(NETWORKS)}")
    if type(instances) is not bool:
        raise ConfigError(f"model.instances={instances} must be true or false")
    # smp passes unknown names on to the encoder, which ignores most of them.
    known = inspect.signature(NETWORKS[name]).parameters.keys() - _FIXED
    unknown = sorted(options.keys() - known)
    if unknown:
        raise ConfigError(f"model.{unknown[0]} is not an option of {name}: fix conf/model")
    check_encoder(str(options.get("encoder_name")))
    if context is not None:
        _check_context(name, str(context), context_stride)


def pretrained_normalization(encoder_name: str) -> tuple[Sequence[float], Sequence[float]] | None:
    """Returns the mean and std that an encoder was pretrained with; None means those of ImageNet.

    Args:
        encoder_name: Name of the encoder in smp.

    Raises:
        ConfigError: The encoder is unknown.

    Example:
        >>> pretrained_normalization("tu-tf_efficientnet_lite0")
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    """
    check_encoder(encoder_name)
    name = _TIMM_NAMES.get(encoder_name, encoder_name)
    for prefix in ("tu-", "timm-"):
        if name.startswith(prefix):
            config = timm.get_pretrained_cfg(name.removeprefix(prefix), allow_unregistered=True)
            return (config.mean, config.std) if config else None
    return None


def model_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of `conf/model` that a checkpoint keeps: all but the origins of weights."""
    without_context = options.get("context") is None
    return {
        key: value
        for key, value in options.items()
        if key not in ("encoder_weights", "context_weights") and not (without_context and key.startswith("context"))
    }


def _check_context(network: str, name: str, stride: Any) -> None:
    if network not in _TAKES_CONTEXT:
        raise ConfigError(
            f"model.context={name} does not fit {network}, which has no encoder of smp with maps of features: choose "
            f"one of {', '.join(_TAKES_CONTEXT)}"
        )
    if not name.startswith("tu-"):
        raise ConfigError(f"model.context={name} must be tu- and the name of a timm ViT: tu-vit_small_patch14_dinov2")
    if type(stride) is not int or stride not in STRIDES:
        raise ConfigError(f"model.context_stride={stride} must be one of {', '.join(map(str, STRIDES))}")
    check_encoder(name, "context")


def check_encoder(name: str, option: str = "encoder_name") -> None:
    """Accepts only registered encoders: timm would download a name such as `hf-hub:someone/model`.

    Raises:
        ConfigError: The encoder is unknown.
    """
    if name in _OWN_ENCODERS:
        return
    model, _, tag = name.removeprefix("tu-").partition(".")
    if not (timm.is_model(model) if name.startswith("tu-") else name in smp.encoders.encoders):
        raise ConfigError(
            f"model.{option}={name} is unknown: choose one of smp's encoders (mobilenet_v2, resnet34, ...) "
            "or tu- and the name of a timm model"
        )
    if tag and f"{model}.{tag}" not in (tagged := timm.list_models(f"{model}.*", pretrained=True)):
        raise ConfigError(f"model.{option}={name} is not among timm's weights: choose one of {', '.join(tagged)}")
