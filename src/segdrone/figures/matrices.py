"""Plot class by class matrices: confusion and co-occurrence."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.figures.text import plain_text


def plot_confusion(counts: NDArray[np.int64], table: ClassTable) -> Figure:
    """Plots a confusion matrix, each row as shares of its true class.

    Args:
        counts: Pixels, int64 `[C, C]`: rows are the truth, columns the prediction.
        table: The classes.
    """
    totals = counts.sum(1, keepdims=True)
    figure, axis = _plot_matrix(counts, totals, table, "share of the true class's pixels")
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class (an empty row: absent from the truth)")
    return figure


def plot_cooccurrence(counts: NDArray[np.int64], table: ClassTable) -> Figure:
    """Plots how often two classes occur in one photograph, each row as shares of its class.

    Args:
        counts: Photographs with both classes, int64 `[C, C]`; the diagonal counts those with the class itself.
        table: The classes.
    """
    figure, axis = _plot_matrix(counts, counts.diagonal()[:, None], table, "share of the row's photographs")
    axis.set_xlabel("... share that also contain this class")
    axis.set_ylabel("of the photographs with this class ...")
    return figure


def _plot_matrix(
    counts: NDArray[np.int64], totals: NDArray[np.int64], table: ClassTable, label: str
) -> tuple[Figure, Axes]:
    """Plots counts `[C, C]` as shares of the total of their row, `[C, 1]`; rows with a total of 0 stay empty."""
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    side = max(5.0, 3 + 0.36 * len(table))
    figure = Figure(figsize=(side + 1, side), dpi=100, facecolor="white", layout="constrained")
    axis: Axes = figure.subplots()
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            axis.text(column, row, f"{share:.2f}".lstrip("0"), ha="center", va="center", fontsize=7,
                      color="white" if share > 0.55 else "black", in_layout=False)  # fmt: skip
    names = [*map(plain_text, table.names)]
    axis.set_xticks(range(len(table)), names, rotation=90, fontsize=8)
    axis.set_yticks(range(len(table)), names, fontsize=8)
    figure.colorbar(image, ax=axis, label=label, shrink=0.8)
    return figure, axis
