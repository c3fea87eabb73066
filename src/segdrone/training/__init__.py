"""Training: what train.py calls, and the callbacks of a run."""

from segdrone.training.averaging import ExponentialAverage, StochasticAverage
from segdrone.training.curves import Curves
from segdrone.training.divergence import Divergence
from segdrone.training.folder import claimed
from segdrone.training.freeze import FreezeEncoder
from segdrone.training.lr_finder import LearningRateFinder
from segdrone.training.pictures import TensorBoardPictures
from segdrone.training.run import objective, train

__all__ = [
    "Curves",
    "Divergence",
    "ExponentialAverage",
    "FreezeEncoder",
    "LearningRateFinder",
    "StochasticAverage",
    "TensorBoardPictures",
    "claimed",
    "objective",
    "train",
]
