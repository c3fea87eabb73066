"""Predict masks of photographs of any size, and of videos, with a finished model."""

from segdrone.inference.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]
