"""Pictures for people: masks in colour, triples, curves, matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.files import whole

_TRIPLE_WIDTH = 900  # pixels: photographs are reduced to it before they are drawn


class Triple(NamedTuple):
    """A photograph, uint8 `[H, W, 3]`, with its true and its predicted mask, uint8 `[H, W]`."""

    title: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    prediction: NDArray[np.uint8]

    def reduced(self) -> Triple:
        """Returns the triple at no more than the width it is drawn at."""
        height, width = self.truth.shape
        if width <= _TRIPLE_WIDTH:
            return self
        size = (_TRIPLE_WIDTH, max(1, round(height * _TRIPLE_WIDTH / width)))
        return Triple(
            self.title,
            np.asarray(cv2.resize(self.image, size, interpolation=cv2.INTER_AREA), np.uint8),
            np.asarray(cv2.resize(self.truth, size, interpolation=cv2.INTER_NEAREST), np.uint8),
            np.asarray(cv2.resize(self.prediction, size, interpolation=cv2.INTER_NEAREST), np.uint8),
        )


def colourise(mask: NDArray[np.uint8], table: ClassTable) -> NDArray[np.uint8]:
    """Returns a mask, uint8 `[H, W]`, in the table's colours, uint8 `[H, W, 3]`; ignored pixels are white."""
    return table.palette[mask]


def triples(rows: Sequence[Triple], table: ClassTable) -> Figure:
    """Draws one triple a row under its title, and a legend of the classes that occur."""
    rows = [row.reduced() for row in rows]
    present = np.unique(np.concatenate([np.unique(mask) for row in rows for mask in (row.truth, row.prediction)]))
    legend = _legend([int(i) for i in present], table)
    legend_rows = math.ceil(len(legend) / 8)
    row_height = max(4.2 * row.truth.shape[0] / row.truth.shape[1] for row in rows) + 0.35
    height = row_height * len(rows) + 0.28 * legend_rows + 0.2
    figure = Figure(figsize=(12.8, height), dpi=100, facecolor="white", layout="constrained")
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for row_axes, row in zip(axes, rows, strict=True):
        pictures = (row.image, colourise(row.truth, table), colourise(row.prediction, table))
        titles = (row.title, "truth", "prediction")
        for axis, picture, title in zip(row_axes, pictures, titles, strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set_title(title, fontsize=10)
            axis.set_axis_off()
    figure.legend(handles=legend, loc="outside lower center", ncols=8, fontsize=9, frameon=False)
    return figure


def curves(history: Sequence[Mapping[str, float]], keys: Mapping[str, str], title: str, unit: str) -> Figure:
    """Draws values by epoch.

    Args:
        history: One mapping an epoch, with `epoch` counted from 0; values may be absent.
        keys: Label of each line by its key in `history`.
        title: What the values are.
        unit: What the upright axis counts.
    """
    figure = Figure(figsize=(7, 4.5), dpi=100, facecolor="white", layout="constrained")
    axis = figure.subplots()
    for key, label in keys.items():
        points = [(row["epoch"] + 1, row[key]) for row in history if key in row]
        if points:
            epochs, values = zip(*points, strict=True)
            axis.plot(epochs, values, marker="o" if label == "val" else "s", markersize=4, label=label)
    axis.set_title(title)
    axis.set_xlabel("epoch")
    axis.set_ylabel(unit)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    return figure


def confusion(counts: NDArray[np.int64], table: ClassTable) -> Figure:
    """Draws a confusion matrix, counts `[C, C]` with the truth in rows, each row as shares of its class."""
    totals = counts.sum(1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    side = 3 + 0.36 * len(table)
    figure = Figure(figsize=(side + 1, side), dpi=100, facecolor="white", layout="constrained")
    axis: Axes = figure.subplots()
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            axis.text(column, row, f"{share:.2f}".lstrip("0"), ha="center", va="center", fontsize=7,
                      color="white" if share > 0.55 else "black")  # fmt: skip
    axis.set_xticks(range(len(table)), table.names, rotation=90, fontsize=8)
    axis.set_yticks(range(len(table)), table.names, fontsize=8)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class (an empty row: absent from the truth)")
    figure.colorbar(image, ax=axis, label="share of the true class's pixels", shrink=0.8)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG."""
    with whole(path) as partial:
        figure.savefig(partial, format="png")


def _legend(ids: Sequence[int], table: ClassTable) -> list[Patch]:
    names = {**dict(enumerate(table.names)), table.ignore_index: "ignored"}
    return [Patch(facecolor=table.palette[i] / 255, edgecolor="grey", label=names[i]) for i in ids]
