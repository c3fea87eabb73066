"""Losses for semantic segmentation: pick one by name, or a weighted sum of several."""

from segdrone.model.losses.build import LOSSES, WeightedSum, build_loss
from segdrone.model.losses.inputs import LossInputs

__all__ = ["LOSSES", "LossInputs", "WeightedSum", "build_loss"]
