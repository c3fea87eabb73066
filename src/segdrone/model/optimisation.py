"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR

from segdrone.errors import ConfigError

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}

# A schedule is stepped after every optimizer step; `steps` is their number in the whole run.
SCHEDULERS: dict[str, Callable[[Optimizer, int], LRScheduler]] = {
    # Smith and Topin 2018, "Super-Convergence": up to the optimizer's rate, then down to almost 0.
    "onecycle": lambda optimizer, steps: OneCycleLR(
        optimizer, max_lr=[group["lr"] for group in optimizer.param_groups], total_steps=steps
    ),
    "constant": lambda optimizer, steps: ConstantLR(optimizer, factor=1.0),
}


def build_optimizer(parameters: Iterable[nn.Parameter], name: str, **options: Any) -> Optimizer:
    """Builds one of `OPTIMIZERS`, with torch's own arguments as options.

    Raises:
        ConfigError: The name or an option is unknown, or a value is out of its range.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"optimizer.name={name} is unknown: choose one of {', '.join(OPTIMIZERS)}")
    try:
        return OPTIMIZERS[name](parameters, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer {name} does not take these options ({error}): mend conf/optimizer") from None


def build_scheduler(optimizer: Optimizer, name: str, *, steps: int) -> LRScheduler:
    """Builds one of `SCHEDULERS` over `steps` optimizer steps.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in SCHEDULERS:
        raise ConfigError(f"scheduler.name={name} is unknown: choose one of {', '.join(SCHEDULERS)}")
    return SCHEDULERS[name](optimizer, steps)
