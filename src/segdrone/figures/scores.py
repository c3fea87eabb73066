"""Plot the results of an evaluation: calibration, recall by object size, differences between two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segdrone.figures.text import plain_text


def plot_reliability(bins: Sequence[Mapping[str, Any]]) -> Figure:
    """Plots accuracy by confidence, above the share of pixels by confidence.

    Args:
        bins: `reliability` of `metrics.json`: bins of confidence with `from`, `to`, `pixels`, and their mean
            `confidence` and `accuracy`, None in an empty bin.
    """
    figure = Figure(figsize=(5, 5), dpi=110, facecolor="white", layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [bin_ for bin_ in bins if bin_["pixels"]]
    upper.plot([0, 1], [0, 1], "--", color="grey", label="perfect calibration")
    upper.plot([bin_["confidence"] for bin_ in filled], [bin_["accuracy"] for bin_ in filled], "o-", label="this model")
    upper.set_ylabel("accuracy")
    upper.set_ylim(0, 1)
    upper.legend()
    total = sum(bin_["pixels"] for bin_ in bins)
    starts, widths = [bin_["from"] for bin_ in bins], [bin_["to"] - bin_["from"] for bin_ in bins]
    percent = [100 * bin_["pixels"] / max(1, total) for bin_ in bins]
    lower.bar(starts, percent, widths, align="edge", edgecolor="white")
    lower.set_ylabel("% of pixels")
    lower.set_xlabel("confidence")
    lower.set_xlim(0, 1)
    for axis in (upper, lower):
        axis.grid(alpha=0.3)
    return figure


def plot_recall_by_size(sizes: Sequence[Mapping[str, Any]]) -> Figure:
    """Plots the share of true objects that were found, by their area in pixels.

    Args:
        sizes: `objects.sizes` of `metrics.json`: classes of size with `from`, `to` (None in the last one), and the
            number of `truth` and `found` objects with their `recall`, None without objects.
    """
    figure = Figure(figsize=(5, 3.6), dpi=120, facecolor="white", layout="constrained")
    axis: Axes = figure.subplots()
    names = [f"{size['from']:,} to\n{size['to']:,}" if size["to"] else f"{size['from']:,}\nor more" for size in sizes]
    axis.bar(names, [size["recall"] or 0 for size in sizes])
    for position, size in enumerate(sizes):
        text = f"{size['found']:,} of {size['truth']:,}" if size["truth"] else "none"
        axis.text(position, (size["recall"] or 0) + 0.02, text, ha="center", fontsize=9)
    axis.set_ylim(0, 1.1)
    axis.set_xlabel("area of the object in pixels")
    axis.set_ylabel("share found")
    axis.tick_params(axis="x", labelsize=8)
    return figure


def plot_differences(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Plots differences with their intervals, one per line, and a line at zero.

    Args:
        rows: Each with `name`, `difference` and `interval`, its lower and upper end.
        title: Title of the plot.
    """
    figure = Figure(figsize=(7, 1.4 + 0.27 * len(rows)), dpi=100, facecolor="white", layout="constrained")
    axis: Axes = figure.subplots()
    for position, row in enumerate(rows):
        low, high = row["interval"]
        significant = low > 0 or high < 0
        color = "black" if significant else "grey"
        axis.plot([low, high], [position, position], color=color, linewidth=2 if significant else 1)
        axis.plot(row["difference"], position, "o" if significant else "|", color=color)
    axis.axvline(0, color="tab:blue", linestyle="--", linewidth=1)
    axis.set_yticks(range(len(rows)), [plain_text(row["name"]) for row in rows], fontsize=9)
    axis.invert_yaxis()
    axis.set_xlabel("difference (thick line with a dot: more than chance)")
    axis.set_title(plain_text(title), loc="left", fontsize=10)
    axis.grid(axis="x", alpha=0.3)
    return figure
