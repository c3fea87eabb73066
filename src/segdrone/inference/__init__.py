"""From a finished model and photographs of any size to masks."""

from segdrone.inference.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]
