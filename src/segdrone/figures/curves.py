"""Plot values by epoch and the loss by learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

TRAINING_CURVES = {
    "loss": ("Loss", "cross-entropy or what conf/loss chose"),
    "miou": ("Mean IoU over the set", "mIoU, 0 to 1"),
    "accuracy": ("Pixel accuracy", "share of pixels, 0 to 1"),
}
"""Metrics of a training run: title and unit of their plots."""


def plot_training_curve(history: Sequence[Mapping[str, float]], metric: str) -> Figure:
    """Plots a metric of `TRAINING_CURVES` by epoch, for training and validation.

    Args:
        history: One mapping per epoch, with `epoch` counted from 0, and `train/<metric>` and `val/<metric>` where
            known.
        metric: A key of `TRAINING_CURVES`.
    """
    title, unit = TRAINING_CURVES[metric]
    return plot_curves(history, {f"train/{metric}": "train", f"val/{metric}": "val"}, title, unit)


def plot_curves(history: Sequence[Mapping[str, float]], labels: Mapping[str, str], title: str, unit: str) -> Figure:
    """Plots values by epoch.

    Args:
        history: One mapping per epoch, with `epoch` counted from 0. Values may be missing.
        labels: Label of each line by its key in `history`.
        title: Title of the plot.
        unit: Label of the vertical axis.
    """
    figure = Figure(figsize=(5, 3.4), dpi=140, facecolor="white", layout="constrained")
    axis = figure.subplots()
    for key, label in labels.items():
        points = [(row["epoch"] + 1, row[key]) for row in history if math.isfinite(row.get(key, math.nan))]
        if points:
            epochs, values = zip(*points, strict=True)
            style = "o" if label == "val" else "s"
            axis.plot(epochs, values, marker=style, markersize=4 if len(points) <= 40 else 2, label=label)
    axis.set_title(title)
    axis.set_xlabel("epoch")
    axis.set_ylabel(unit)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    if axis.lines:
        axis.legend()
    return figure


def plot_learning_rates(rates: Sequence[float], losses: Sequence[float], suggested: float) -> Figure:
    """Plots the loss by learning rate, as a learning rate finder measured it, and marks the suggested rate.

    Args:
        rates: Learning rates, rising.
        losses: Smoothed loss at each rate.
        suggested: One of `rates`.
    """
    figure = Figure(figsize=(7, 4.5), dpi=100, facecolor="white", layout="constrained")
    axis = figure.subplots()
    axis.plot(rates, losses)
    loss = losses[list(rates).index(suggested)]
    axis.plot(suggested, loss, "o", color="red", label=f"suggested: {suggested:.2e}")
    axis.legend()
    axis.set_title("Loss by learning rate")
    axis.set_xscale("log")
    axis.set_xlabel("learning rate")
    axis.set_ylabel("loss, running mean")
    axis.grid(alpha=0.3)
    return figure
