"""Networks, losses, metrics, and the module that joins them."""

from segdrone.model.checkpoint import check_resumable, load_module, read_checkpoint
from segdrone.model.encoder_weights import load_encoder_weights
from segdrone.model.finetune import load_pretrained
from segdrone.model.flops import summarize
from segdrone.model.module import SegmentationModule
from segdrone.model.networks import model_settings, pretrained_normalisation

__all__ = [
    "SegmentationModule",
    "check_resumable",
    "load_encoder_weights",
    "load_module",
    "load_pretrained",
    "model_settings",
    "pretrained_normalisation",
    "read_checkpoint",
    "summarize",
]
