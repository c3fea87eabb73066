"""Choose the numerical precision that is fastest for training on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch

log = logging.getLogger(__name__)


def choose_precision(accelerator: str) -> str:
    """Returns `bf16-mixed` if the GPU or CPU has bfloat16 units, else `32-true`; logs the reason.

    bfloat16 has the range of float32, so gradients need no scaling. A CPU without AMX (Intel, since 2023) emulates
    it, which is slower.

    Args:
        accelerator: Lightning's name: `auto`, `cpu`, `gpu`, `cuda`, ...
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        device, is_fast = "GPU", torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator in ("auto", "cpu"):
        device, is_fast = "CPU", _has_amx()
    else:
        return "32-true"
    precision = "bf16-mixed" if is_fast else "32-true"
    log.info("precision %s: this %s has %s bfloat16 units", precision, device, "its own" if is_fast else "no")
    return precision


def _has_amx() -> bool:
    get_capabilities: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)  # not in 2.11
    capabilities = get_capabilities()
    return bool(capabilities.get("amx_tile") and capabilities.get("amx_bf16"))
