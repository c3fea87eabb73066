"""Build optimizers and learning-rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from segdrone.errors import ConfigError, format_options

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def build_optimizer(
    module: nn.Module, encoder: nn.Module, name: str, *, encoder_lr: float | None = None, **options: Any
) -> Optimizer:
    """Builds an optimizer with two parameter groups, `encoder` and `decoder`.

    Args:
        module: Module whose parameters are optimized. Those outside the encoder form the group `decoder`, without those
            that take no gradient.
        encoder: Part of the module that can have its own learning rate.
        name: One of `OPTIMIZERS`.
        encoder_lr: Learning rate of the encoder, 0 or more; None uses that of the decoder.
        **options: torch's arguments of the optimizer.

    Raises:
        ConfigError: The name or an option is unknown, or a value is out of its range.

    Example:
        >>> module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> optimizer = build_optimizer(module, encoder=module[0], name="sgd", lr=0.1, encoder_lr=0.01)
        >>> [(group["name"], group["lr"]) for group in optimizer.param_groups]
        [('encoder', 0.01), ('decoder', 0.1)]
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"optimizer.name={name} is unknown: choose one of {', '.join(OPTIMIZERS)}")
    if encoder_lr is not None and not (isinstance(encoder_lr, int | float) and encoder_lr >= 0):
        raise ConfigError(f"optimizer.encoder_lr={encoder_lr} must be 0 or more")
    in_encoder = list(encoder.parameters())
    ids = {id(parameter) for parameter in in_encoder}
    others = [parameter for parameter in module.parameters() if id(parameter) not in ids and parameter.requires_grad]
    encoder_options = {} if encoder_lr is None else {"lr": encoder_lr}
    groups = [{"name": "encoder", "params": in_encoder, **encoder_options}, {"name": "decoder", "params": others}]
    try:
        return OPTIMIZERS[name](groups, **options)
    except (TypeError, ValueError) as error:
        given = {key: value for key, value in options.items() if key != "fused"}
        raise ConfigError(f"optimizer {name} cannot be built with {format_options(given)} ({error}): fix it") from None


def _one_cycle(optimizer: Optimizer, steps: int, **options: Any) -> LRScheduler:
    """Rises, then falls to almost 0 (Smith and Topin 2018, "Super-Convergence"); momentum changes inversely."""
    return OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps, **options)


def _poly(optimizer: Optimizer, steps: int, *, power: float) -> LRScheduler:
    """Multiplies the rate by (1 - step / steps) ^ power (Chen et al. 2017, "DeepLab", section 4.1: power 0.9)."""
    if power < 0:
        raise ValueError(f"power={power} must be 0 or more")
    return LambdaLR(optimizer, lambda step: (1 - min(step / steps, 1)) ** power)


def _cosine(optimizer: Optimizer, steps: int, *, warmup: float) -> LRScheduler:
    """Falls to 0 along half a cosine (Loshchilov and Hutter 2017, "SGDR", equation 5), after a linear warmup.

    The warmup is that of Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 2.2.
    """
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup={warmup} must be from 0 to 1")
    warmup_steps = round(warmup * steps)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        return (1 + math.cos(math.pi * min((step - warmup_steps) / max(steps - warmup_steps, 1), 1))) / 2

    return LambdaLR(optimizer, factor)


def _constant(optimizer: Optimizer, steps: int) -> LRScheduler:
    return LambdaLR(optimizer, lambda step: 1.0)


# A schedule is stepped after every optimizer step; `steps` is the number of steps of the run. Each parameter group
# starts from its own rate. Checkpoints do not store the function of a LambdaLR, so a run that is resumed with another
# number of epochs follows a schedule of the new length.
SCHEDULERS: dict[str, Callable[..., LRScheduler]] = {
    "onecycle": _one_cycle,
    "poly": _poly,
    "cosine": _cosine,
    "constant": _constant,
}


def build_scheduler(optimizer: Optimizer, name: str, *, steps: float, **options: Any) -> LRScheduler:
    """Builds a learning-rate schedule.

    Args:
        optimizer: The optimizer whose rates it changes.
        name: One of `SCHEDULERS`.
        steps: Number of optimizer steps of the run; infinity for a run without an end.
        **options: Arguments of the schedule.

    Raises:
        ConfigError: The name or an option is unknown, a value is out of its range, or the schedule needs a finite
            number of steps.
    """
    if name not in SCHEDULERS:
        raise ConfigError(f"scheduler.name={name} is unknown: choose one of {', '.join(SCHEDULERS)}")
    if math.isinf(steps) and name != "constant":
        raise ConfigError(f"scheduler.name={name} needs an end: give trainer.max_epochs, or scheduler=constant")
    try:
        return SCHEDULERS[name](optimizer, int(steps) if math.isfinite(steps) else 0, **options)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"scheduler {name} cannot be built with {format_options(options)} ({error}): fix it"
        ) from None
