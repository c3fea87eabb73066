"""Plot the scores of a sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from segdrone.figures.text import plain_text


def plot_sweep(choices: Mapping[str, Sequence[float | str]], scores: Sequence[float], best: int, label: str) -> Figure:
    """Plots the scores of several runs against each option that differs between them, one panel per option.

    Args:
        choices: Values of each option, one per run. Numbers get a numeric axis, logarithmic if they span a factor
            of 10 or more. If any value is text, the axis has one position per value.
        scores: Score of each run; NaN for a run without a score, drawn as a cross at the bottom.
        best: Index of the best run.
        label: Name of the score.
    """
    rows = math.ceil(len(choices) / 3)
    columns = math.ceil(len(choices) / rows)
    figure = Figure(figsize=(0.8 + 4 * columns, 0.3 + 3.4 * rows), dpi=100, facecolor="white", layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axis in axes.flat[len(choices) :]:
        axis.remove()
    values = np.asarray(scores, np.float64)
    failed = np.isnan(values)
    for axis, (name, options) in zip(axes.flat, choices.items(), strict=False):
        x = _set_up_axis(axis, options)
        axis.plot(x[~failed], values[~failed], "o", alpha=0.6, label="run")
        axis.plot(x[best], values[best], "*", markersize=14, color="tab:orange", label="best run")
        axis.margins(y=0.12)  # room for the crosses
        if failed.any():
            axis.plot(x[failed], np.full(failed.sum(), 0.03), "x", color="tab:red", label="without a score",
                      transform=axis.get_xaxis_transform())  # fmt: skip
        axis.set_xlabel(plain_text(name))
        axis.grid(alpha=0.3)
    for axis in axes[:, 0]:
        axis.set_ylabel(plain_text(label))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _set_up_axis(axis: Axes, values: Sequence[float | str]) -> NDArray[np.float64]:
    """Scales and labels the horizontal axis for `values`, and returns their positions on it."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) < len(values):
        names = list(dict.fromkeys(map(str, values)))
        axis.set_xticks(range(len(names)), [*map(plain_text, names)], rotation=20 if max(map(len, names)) > 8 else 0)
        axis.set_xlim(-0.5, len(names) - 0.5)
        return np.array([names.index(str(value)) for value in values], np.float64)
    decades = np.log10(max(numbers) / min(numbers)) if min(numbers) > 0 else 0
    if decades >= 1:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 3) if decades < 3 else (1,), numticks=7))
        axis.xaxis.set_minor_formatter(NullFormatter())
    elif len(set(numbers)) <= 6:
        axis.set_xticks(sorted(set(numbers)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return np.array(numbers, np.float64)
