"""Training: what train.py calls, and the callbacks of a run."""

from segdrone.training.curves import Curves
from segdrone.training.pictures import TensorBoardPictures
from segdrone.training.run import objective, train

__all__ = ["Curves", "TensorBoardPictures", "objective", "train"]
