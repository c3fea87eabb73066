"""Networks, losses, metrics, checkpoints, and the LightningModule that trains them.

The names below are imported when they are first used: opening a finished model with `load_network` then does not
import Lightning and torchmetrics, which takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segdrone.model.checkpoint import load_network, read_checkpoint
    from segdrone.model.encoder_weights import load_encoder_weights
    from segdrone.model.finetune import load_pretrained
    from segdrone.model.flops import summarize
    from segdrone.model.module import SegmentationModule
    from segdrone.model.networks import model_settings, pretrained_normalization
    from segdrone.model.resume import check_resumable, load_module

__all__ = [
    "SegmentationModule",
    "check_resumable",
    "load_encoder_weights",
    "load_module",
    "load_network",
    "load_pretrained",
    "model_settings",
    "pretrained_normalization",
    "read_checkpoint",
    "summarize",
]

_MODULES = {
    "SegmentationModule": "module",
    "check_resumable": "resume",
    "load_encoder_weights": "encoder_weights",
    "load_module": "resume",
    "load_network": "checkpoint",
    "load_pretrained": "finetune",
    "model_settings": "networks",
    "pretrained_normalization": "networks",
    "read_checkpoint": "checkpoint",
    "summarize": "flops",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
