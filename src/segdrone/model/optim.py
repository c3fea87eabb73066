"""Optimizers and learning-rate schedules by name."""

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
    """Builds one of `OPTIMIZERS` over two groups of parameters, named `encoder` and `decoder`.

    Args:
        module: Whose parameters are optimised; those that are not the encoder's are the group `decoder`.
        encoder: The part of the module that may have a learning rate of its own.
        name: One of `OPTIMIZERS`.
        encoder_lr: Learning rate of the encoder, from 0 up; None is that of the decoder.
        **options: torch's own arguments of the optimizer.

    Raises:
        ConfigError: The name or an option is unknown, or a value is out of its range.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"optimizer.name={name} is unknown: choose one of {', '.join(OPTIMIZERS)}")
    if encoder_lr is not None and not (isinstance(encoder_lr, int | float) and encoder_lr >= 0):
        raise ConfigError(f"optimizer.encoder_lr={encoder_lr} must be from 0 up")
    first = list(encoder.parameters())
    known = {id(parameter) for parameter in first}
    others = [parameter for parameter in module.parameters() if id(parameter) not in known]
    own_rate = {} if encoder_lr is None else {"lr": encoder_lr}
    groups = [{"name": "encoder", "params": first, **own_rate}, {"name": "decoder", "params": others}]
    try:
        return OPTIMIZERS[name](groups, **options)
    except (TypeError, ValueError) as error:
        given = {key: value for key, value in options.items() if key != "fused"}
        raise ConfigError(f"optimizer {name} cannot be made with {format_options(given)} ({error}): mend it") from None


def _one_cycle(optimizer: Optimizer, steps: int, **options: Any) -> LRScheduler:
    """Up, then down to almost 0 (Smith and Topin 2018, "Super-Convergence"); momentum goes the other way."""
    return OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps, **options)


def _poly(optimizer: Optimizer, steps: int, *, power: float) -> LRScheduler:
    """(1 - step / steps) ^ power (Chen et al. 2017, "DeepLab", section 4.1, with power 0.9)."""
    if power < 0:
        raise ValueError(f"power={power} must be from 0 up")
    return LambdaLR(optimizer, lambda step: (1 - min(step / steps, 1)) ** power)


def _cosine(optimizer: Optimizer, steps: int, *, warmup: float) -> LRScheduler:
    """Half a cosine down to 0 (Loshchilov and Hutter 2017, "SGDR", equation 5), after a rise in equal steps.

    The rise is that of Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 2.2.
    """
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup={warmup} must be from 0 to 1")
    rise = round(warmup * steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        return (1 + math.cos(math.pi * min((step - rise) / max(steps - rise, 1), 1))) / 2

    return LambdaLR(optimizer, factor)


def _constant(optimizer: Optimizer, steps: int) -> LRScheduler:
    return LambdaLR(optimizer, lambda step: 1.0)


# A schedule is stepped after every optimizer step; `steps` is their number in the whole run. Each group of
# parameters varies from its own rate. A LambdaLR leaves its function out of checkpoints, so that a run which
# is resumed with another number of epochs goes on along a schedule of the new length.
SCHEDULERS: dict[str, Callable[..., LRScheduler]] = {
    "onecycle": _one_cycle,
    "poly": _poly,
    "cosine": _cosine,
    "constant": _constant,
}


def build_scheduler(optimizer: Optimizer, name: str, *, steps: float, **options: Any) -> LRScheduler:
    """Builds one of `SCHEDULERS` over `steps` optimizer steps.

    Raises:
        ConfigError: The name or an option is unknown, a value is out of its range, or the schedule
            needs an end and there is none.
    """
    if name not in SCHEDULERS:
        raise ConfigError(f"scheduler.name={name} is unknown: choose one of {', '.join(SCHEDULERS)}")
    if math.isinf(steps) and name != "constant":
        raise ConfigError(f"scheduler.name={name} needs an end: give trainer.max_epochs, or scheduler=constant")
    try:
        return SCHEDULERS[name](optimizer, int(steps) if math.isfinite(steps) else 0, **options)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"scheduler {name} cannot be made with {format_options(options)} ({error}): mend it"
        ) from None
