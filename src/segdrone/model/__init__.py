"""Networks, losses, metrics, and the module that joins them."""

from segdrone.model.checkpoint import check_resumable, load_module, read_checkpoint
from segdrone.model.cost import describe_cost
from segdrone.model.module import SegmentationModule
from segdrone.model.networks import model_settings, pretrained_normalisation
from segdrone.model.transfer import load_weights
from segdrone.model.weights import load_encoder_weights

__all__ = [
    "SegmentationModule",
    "check_resumable",
    "describe_cost",
    "load_encoder_weights",
    "load_module",
    "load_weights",
    "model_settings",
    "pretrained_normalisation",
    "read_checkpoint",
]
