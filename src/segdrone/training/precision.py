"""Choose the precision that training is fastest in on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch

log = logging.getLogger(__name__)


def choose_precision(accelerator: str) -> str:
    """Returns `bf16-mixed` where the GPU or CPU multiplies bfloat16, else `32-true`; logs why of these two.

    bfloat16 has the range of float32, so that no gradient needs scaling. A CPU without AMX tiles (Intel, since
    2023) only emulates it, and is slower for it.

    Args:
        accelerator: Lightning's: `auto`, `cpu`, `gpu`, `cuda`, ...
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        device, fast = "GPU", torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator in ("auto", "cpu"):
        device, fast = "CPU", _amx()
    else:
        return "32-true"
    precision = "bf16-mixed" if fast else "32-true"
    log.info("precision %s: this %s has %s units for bfloat16", precision, device, "its own" if fast else "no")
    return precision


def _amx() -> bool:
    ask: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)  # torch 2.11 cannot tell
    capabilities = ask()
    return bool(capabilities.get("amx_tile") and capabilities.get("amx_bf16"))
