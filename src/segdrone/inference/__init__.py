"""Predict masks of photographs of any size, and of videos, with a finished model."""

from segdrone.inference.prediction import Prediction
from segdrone.inference.predictor import Predictor

__all__ = ["Prediction", "Predictor"]
