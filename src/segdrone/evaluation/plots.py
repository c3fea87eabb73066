"""Plots of an evaluation: whether confidences can be believed, which sizes of objects are found, which classes are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def plot_reliability(bins: Sequence[Mapping[str, Any]]) -> Figure:
    """Draws accuracy against confidence, and how many pixels have it.

    Args:
        bins: `reliability` of `metrics.json`.
    """
    figure = Figure(figsize=(5.5, 5.5), dpi=100, facecolor="white", layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    known = [found for found in bins if found["pixels"]]
    upper.plot([0, 1], [0, 1], "--", color="grey", label="as confident as right")
    upper.plot([found["confidence"] for found in known], [found["accuracy"] for found in known], "o-", label="measured")
    upper.set_ylabel("accuracy")
    upper.set_ylim(0, 1)
    upper.legend()
    total = sum(found["pixels"] for found in bins)
    width = bins[0]["to"] - bins[0]["from"]
    lower.bar([found["from"] for found in bins], [100 * found["pixels"] / total for found in bins], width, align="edge",
              edgecolor="white")  # fmt: skip
    lower.set_ylabel("% of pixels")
    lower.set_xlabel("confidence")
    for axis in (upper, lower):
        axis.grid(alpha=0.3)
    return figure


def plot_recall_by_size(sizes: Sequence[Mapping[str, Any]]) -> Figure:
    """Draws the share of true objects that are found, by their area in pixels.

    Args:
        sizes: `objects.sizes` of `metrics.json`.
    """
    figure = Figure(figsize=(6, 4), dpi=100, facecolor="white", layout="constrained")
    axis: Axes = figure.subplots()
    names = [f"{size['from']:,}" + (f" to {size['to']:,}" if size["to"] else " and more") for size in sizes]
    axis.bar(names, [size["recall"] or 0 for size in sizes])
    for place, size in enumerate(sizes):
        axis.text(place, (size["recall"] or 0) + 0.02, f"{size['found']} of {size['truth']}", ha="center", fontsize=9)
    axis.set_ylim(0, 1.1)
    axis.set_xlabel("area of the object in pixels")
    axis.set_ylabel("share found")
    axis.tick_params(axis="x", labelrotation=20)
    return figure


def plot_differences(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Draws differences with their intervals, one a line, and a line at none.

    Args:
        rows: Each with `name`, `difference`, and `interval`, its lower and upper end.
        title: What differs from what.
    """
    figure = Figure(figsize=(7, 1.4 + 0.27 * len(rows)), dpi=100, facecolor="white", layout="constrained")
    axis: Axes = figure.subplots()
    for place, row in enumerate(rows):
        low, high = row["interval"]
        sure = low > 0 or high < 0
        axis.plot([low, high], [place, place], color="black" if sure else "grey", linewidth=2 if sure else 1)
        axis.plot(row["difference"], place, "o" if sure else "|", color="black" if sure else "grey")
    axis.axvline(0, color="tab:blue", linestyle="--", linewidth=1)
    axis.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=9)
    axis.invert_yaxis()
    axis.set_xlabel("difference (thick, with a dot: cannot be chance alone)")
    axis.set_title(title, loc="left", fontsize=10)
    axis.grid(axis="x", alpha=0.3)
    return figure
