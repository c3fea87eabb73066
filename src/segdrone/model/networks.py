"""Segmentation networks by name."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn

from segdrone.errors import ConfigError

NETWORKS: dict[str, Callable[..., nn.Module]] = {"unet": smp.Unet}


def build_network(name: str, *, classes: int, **options: Any) -> nn.Module:
    """Builds a network with random weights, in channels-last layout, which is the faster on CPU and GPU.

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
    unknown = sorted(options.keys() - inspect.signature(NETWORKS[name]).parameters.keys())
    if unknown:
        raise ConfigError(f"model.{unknown[0]} is no option of {name}: mend conf/model")
    _check_encoder(str(options.get("encoder_name")))
    try:
        with warnings.catch_warnings():
            # smp keeps its timm- encoders for old names' sake; they are its users' to choose.
            warnings.filterwarnings("ignore", message="`timm-` encoders", category=DeprecationWarning)
            network = NETWORKS[name](classes=classes, encoder_weights=None, **options)
    except (TypeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"model {name} cannot be built from these options ({reason}): mend conf/model") from None
    return network.to(memory_format=torch.channels_last)


def pretrained_normalisation(encoder_name: str) -> tuple[Sequence[float], Sequence[float]] | None:
    """Returns the mean and std that a timm encoder was trained with; None is ImageNet's own."""
    for prefix in ("tu-", "timm-"):
        if encoder_name.startswith(prefix):
            config = timm.get_pretrained_cfg(encoder_name.removeprefix(prefix), allow_unregistered=True)
            return (config.mean, config.std) if config else None
    return None


def model_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a checkpoint must know of `conf/model`: all but where first weights came from."""
    return {key: value for key, value in options.items() if key != "encoder_weights"}


def _check_encoder(name: str) -> None:
    """Admits registered encoders only: timm would fetch a name such as `hf-hub:someone/model`."""
    known = (
        timm.is_model(name.removeprefix("tu-").split(".")[0])
        if name.startswith("tu-")
        else name in smp.encoders.encoders
    )
    if not known:
        raise ConfigError(
            f"model.encoder_name={name} is unknown: choose one of smp's encoders (mobilenet_v2, resnet34, ...) "
            "or tu- and the name of a timm model"
        )
