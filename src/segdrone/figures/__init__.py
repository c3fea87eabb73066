"""Draw masks, legends, prediction grids and plots, each in one place.

The names below are imported when they are first used: overlays of masks then need no matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segdrone.figures.class_shares import plot_class_shares
    from segdrone.figures.curves import TRAINING_CURVES, plot_curves, plot_learning_rates, plot_training_curve
    from segdrone.figures.grid import ImageTruthPrediction, picture_grid, prediction_grid
    from segdrone.figures.heat import heat_overlay
    from segdrone.figures.legend import InsetLegend, shares_legend
    from segdrone.figures.masks import colorize, highlight, overlay
    from segdrone.figures.matrices import plot_confusion, plot_cooccurrence
    from segdrone.figures.output import save, to_svg
    from segdrone.figures.patches import legend_patches
    from segdrone.figures.scores import plot_differences, plot_recall_by_size, plot_reliability
    from segdrone.figures.sweep import plot_sweep
    from segdrone.figures.text import plain_text
    from segdrone.figures.things import draw_things, outline_things

__all__ = [
    "TRAINING_CURVES", "ImageTruthPrediction", "InsetLegend", "colorize", "draw_things", "heat_overlay", "highlight",
    "legend_patches", "outline_things", "overlay", "picture_grid", "plain_text", "plot_class_shares", "plot_confusion",
    "plot_cooccurrence", "plot_curves", "plot_differences", "plot_learning_rates", "plot_recall_by_size",
    "plot_reliability", "plot_sweep", "plot_training_curve", "prediction_grid", "save", "shares_legend", "to_svg",
]  # fmt: skip

_MODULES = {
    "ImageTruthPrediction": "grid",
    "InsetLegend": "legend",
    "TRAINING_CURVES": "curves",
    "colorize": "masks",
    "draw_things": "things",
    "heat_overlay": "heat",
    "highlight": "masks",
    "legend_patches": "patches",
    "outline_things": "things",
    "overlay": "masks",
    "picture_grid": "grid",
    "plain_text": "text",
    "plot_class_shares": "class_shares",
    "plot_confusion": "matrices",
    "plot_cooccurrence": "matrices",
    "plot_curves": "curves",
    "plot_differences": "scores",
    "plot_learning_rates": "curves",
    "plot_recall_by_size": "scores",
    "plot_reliability": "scores",
    "plot_sweep": "sweep",
    "plot_training_curve": "curves",
    "prediction_grid": "grid",
    "save": "output",
    "shares_legend": "legend",
    "to_svg": "output",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
