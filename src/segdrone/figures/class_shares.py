"""Plot the share of each class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.figures.text import plain_text


def plot_class_shares(
    pixels: NDArray[np.int64], columns: Mapping[str, NDArray[np.int64]], table: ClassTable, title: str
) -> Figure:
    """Plots the share of labeled pixels per class as bars on a logarithmic axis, largest first.

    Args:
        pixels: Labeled pixels per class, int64 `[C]`.
        columns: Further counts per class, int64 `[C]`, by their heading. They are written beside the bars.
        table: The classes.
        title: Title of the plot.
    """
    percent = 100 * pixels / max(1, pixels.sum())
    order = np.argsort(-percent, kind="stable")
    positions, names = range(len(table)), [table.names[i] for i in order]
    texts_by_column = {"pixels": [f"{v:.3f} %" if v else "absent" for v in percent]}
    texts_by_column |= {name: [f"{v:,}" for v in values] for name, values in columns.items()}
    left, bars, right = 0.3 + 0.09 * max(map(len, names)), 6.5, 0.3 + 1.1 * len(texts_by_column)  # inches
    width, height = left + bars + right, 1.2 + 0.27 * len(table)
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    axis: Axes = figure.add_axes((left / width, 0.6 / height, bars / width, 1 - 1.2 / height))
    axis.barh(positions, percent[order], color=table.palette[order] / 255, edgecolor="dimgrey", linewidth=0.6)
    axis.set_xlim(10 ** np.floor(np.log10(percent[percent > 0].min(initial=100) / 2)), 100)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axis.set_ylim(len(table) - 0.4, -0.6)
    axis.set_yticks(positions, [*map(plain_text, names)], fontsize=9)
    axis.set_xlabel("share of the labeled pixels (log scale)")
    axis.set_title(title, loc="left", fontsize=11)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    for column, (name, texts) in enumerate(texts_by_column.items(), start=1):
        for position, text in [(-1.0, name), *((position, texts[i]) for position, i in enumerate(order))]:
            axis.text(1 + (0.1 + 1.1 * column) / bars, position, text, transform=axis.get_yaxis_transform(),
                      ha="right", va="center", fontsize=9, color="black" if position >= 0 else "dimgrey")  # fmt: skip
    return figure
