"""Draw masks, legends, prediction grids and plots, each in one place."""

from segdrone.figures.class_shares import plot_class_shares
from segdrone.figures.curves import TRAINING_CURVES, plot_curves, plot_learning_rates, plot_training_curve
from segdrone.figures.grid import ImageTruthPrediction, prediction_grid
from segdrone.figures.legend import InsetLegend, legend_patches, shares_legend
from segdrone.figures.masks import colorize, overlay
from segdrone.figures.matrices import plot_confusion, plot_cooccurrence
from segdrone.figures.output import save, to_svg
from segdrone.figures.scores import plot_differences, plot_recall_by_size, plot_reliability
from segdrone.figures.sweep import plot_sweep
from segdrone.figures.text import plain_text

__all__ = [
    "TRAINING_CURVES", "ImageTruthPrediction", "InsetLegend", "colorize", "legend_patches", "overlay", "plain_text",
    "plot_class_shares", "plot_confusion", "plot_cooccurrence", "plot_curves", "plot_differences",
    "plot_learning_rates", "plot_recall_by_size", "plot_reliability", "plot_sweep", "plot_training_curve",
    "prediction_grid", "save", "shares_legend", "to_svg",
]  # fmt: skip
