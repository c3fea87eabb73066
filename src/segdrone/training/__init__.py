"""Train a network: `train(cfg)`, and the callbacks of a run.

The names below are imported on first use: Lightning takes seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segdrone.training.adapt_batch_norm import AdaptBatchNorm
    from segdrone.training.freeze import FreezeEncoder
    from segdrone.training.given import settle_recipe_keys
    from segdrone.training.inherit import inherit_options
    from segdrone.training.log_predictions import LogPredictions
    from segdrone.training.lr_finder import LearningRateFinder
    from segdrone.training.plot_metrics import PlotMetrics
    from segdrone.training.run import train
    from segdrone.training.self_training import SelfTraining
    from segdrone.training.sweep_objective import objective
    from segdrone.training.terminate_on_nan import TerminateOnNaN
    from segdrone.training.weight_averaging import EMA, SWA

__all__ = [
    "EMA",
    "SWA",
    "AdaptBatchNorm",
    "FreezeEncoder",
    "LearningRateFinder",
    "LogPredictions",
    "PlotMetrics",
    "SelfTraining",
    "TerminateOnNaN",
    "inherit_options",
    "objective",
    "settle_recipe_keys",
    "train",
]

_MODULES = {
    "AdaptBatchNorm": "adapt_batch_norm",
    "EMA": "weight_averaging",
    "SWA": "weight_averaging",
    "FreezeEncoder": "freeze",
    "LearningRateFinder": "lr_finder",
    "LogPredictions": "log_predictions",
    "PlotMetrics": "plot_metrics",
    "SelfTraining": "self_training",
    "TerminateOnNaN": "terminate_on_nan",
    "inherit_options": "inherit",
    "objective": "sweep_objective",
    "settle_recipe_keys": "given",
    "train": "run",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
