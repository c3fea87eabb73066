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
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.utils.atomic import atomic_write

_TRIPLE_WIDTH = 900  # pixels: photographs are reduced to it before they are drawn


class ImageTruthPrediction(NamedTuple):
    """A photograph, uint8 `[H, W, 3]`, if it is known, with its true and its predicted mask, uint8 `[H, W]`."""

    title: str
    image: NDArray[np.uint8] | None
    truth: NDArray[np.uint8]
    prediction: NDArray[np.uint8]

    def reduced(self) -> ImageTruthPrediction:
        """Returns the triple at no more than the width it is drawn at."""
        height, width = self.truth.shape
        if width <= _TRIPLE_WIDTH:
            return self
        size = (_TRIPLE_WIDTH, max(1, round(height * _TRIPLE_WIDTH / width)))
        image = self.image
        if image is not None:
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        return ImageTruthPrediction(
            self.title,
            image,
            np.asarray(cv2.resize(self.truth, size, interpolation=cv2.INTER_NEAREST), np.uint8),
            np.asarray(cv2.resize(self.prediction, size, interpolation=cv2.INTER_NEAREST), np.uint8),
        )


def colorize(mask: NDArray[np.uint8], table: ClassTable) -> NDArray[np.uint8]:
    """Returns a mask, uint8 `[H, W]`, in the table's colours, uint8 `[H, W, 3]`; ignored pixels are white."""
    return table.palette.take(mask, axis=0)


def overlay(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], table: ClassTable, opacity: float = 0.55
) -> NDArray[np.uint8]:
    """Lays a mask over its photograph, with an opaque line inside the border of every region.

    Ignored pixels are hatched in white.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        mask: uint8 `[H, W]`.
        table: The classes of the mask.
        opacity: Of the colours, 0 to 1.

    Returns:
        uint8 `[H, W, 3]`, RGB.
    """
    colours = colorize(mask, table)
    picture = np.asarray(cv2.addWeighted(image, 1 - opacity, colours, opacity, 0), np.uint8)
    solid = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))  # 0 but at borders
    ignored = mask == table.ignore_index
    if ignored.any():
        rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
        striped = (rows + columns) % 8 < 3
        solid[ignored] = striped[ignored]
        cv2.copyTo(image, ignored.view(np.uint8), picture)
    cv2.copyTo(colours, solid, picture)
    return picture


def prediction_grid(rows: Sequence[ImageTruthPrediction], table: ClassTable) -> Figure:
    """Draws one triple a row under its title, and a legend of the classes that occur."""
    rows = [row.reduced() for row in rows]
    present = np.unique(np.concatenate([np.unique(mask) for row in rows for mask in (row.truth, row.prediction)]))
    legend = legend_patches([int(i) for i in present], table)
    legend_rows = math.ceil(len(legend) / 8)
    row_height = max(4.2 * row.truth.shape[0] / row.truth.shape[1] for row in rows) + 0.35
    height = row_height * len(rows) + 0.28 * legend_rows + 0.2
    figure = Figure(figsize=(12.8, height), dpi=100, facecolor="white", layout="constrained")
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for row_axes, row in zip(axes, rows, strict=True):
        pictures = (row.image, colorize(row.truth, table), colorize(row.prediction, table))
        titles = (row.title, "truth", "prediction")
        for axis, picture, title in zip(row_axes, pictures, titles, strict=True):
            if picture is not None:
                axis.imshow(picture, interpolation="nearest")
            axis.set_title(title, fontsize=10)
            axis.set_axis_off()
    figure.legend(handles=legend, loc="outside lower center", ncols=8, fontsize=9, frameon=False)
    return figure


def plot_curves(history: Sequence[Mapping[str, float]], keys: Mapping[str, str], title: str, unit: str) -> Figure:
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


def plot_confusion(counts: NDArray[np.int64], table: ClassTable) -> Figure:
    """Draws a confusion matrix, counts `[C, C]` with the truth in rows, each row as shares of its class."""
    totals = counts.sum(1, keepdims=True)
    figure, axis = _matrix(counts, totals, table, "share of the true class's pixels")
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class (an empty row: absent from the truth)")
    return figure


def plot_cooccurrence(counts: NDArray[np.int64], table: ClassTable) -> Figure:
    """Draws in how many photographs two classes occur together, `[C, C]`, each row as shares of its class."""
    figure, axis = _matrix(counts, counts.diagonal()[:, None], table, "share of the row's photographs")
    axis.set_xlabel("... hold this class too")
    axis.set_ylabel("of the photographs with this class ...")
    return figure


def plot_class_shares(
    pixels: NDArray[np.int64], columns: Mapping[str, NDArray[np.int64]], table: ClassTable, title: str
) -> Figure:
    """Draws each class's share of the labelled pixels as a bar on a log axis, the largest first.

    Args:
        pixels: Labelled pixels of each class, `[C]`.
        columns: Further numbers of each class, `[C]`, by what they count: written beside the bars.
        table: The classes.
        title: What was counted.
    """
    percent = 100 * pixels / max(1, pixels.sum())
    order = np.argsort(-percent, kind="stable")
    places, names = range(len(table)), [table.names[i] for i in order]
    written = {"pixels": [f"{v:.3f} %" if v else "absent" for v in percent]}
    written |= {name: [f"{v:,}" for v in values] for name, values in columns.items()}
    left, bars, right = 0.3 + 0.09 * max(map(len, names)), 6.5, 0.3 + 1.1 * len(written)  # inches
    width, height = left + bars + right, 1.2 + 0.27 * len(table)
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    axis: Axes = figure.add_axes((left / width, 0.6 / height, bars / width, 1 - 1.2 / height))
    axis.barh(places, percent[order], color=table.palette[order] / 255, edgecolor="dimgrey", linewidth=0.6)
    axis.set_xlim(10 ** np.floor(np.log10(percent[percent > 0].min(initial=100) / 2)), 100)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axis.set_ylim(len(table) - 0.4, -0.6)
    axis.set_yticks(places, names, fontsize=9)
    axis.set_xlabel("share of the labelled pixels (log scale)")
    axis.set_title(title, loc="left", fontsize=11)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    for column, (name, texts) in enumerate(written.items(), start=1):
        for place, text in [(-1.0, name), *((place, texts[i]) for place, i in enumerate(order))]:
            axis.text(1 + (0.1 + 1.1 * column) / bars, place, text, transform=axis.get_yaxis_transform(), ha="right",
                      va="center", fontsize=9, color="black" if place >= 0 else "dimgrey")  # fmt: skip
    return figure


def plot_sweep(choices: Mapping[str, Sequence[float | str]], scores: Sequence[float], best: int, label: str) -> Figure:
    """Draws the scores of several runs against each of their choices, a panel each.

    Args:
        choices: Values of each choice, one a run. Numbers stand on an axis of numbers, a logarithmic one
            where they span a decade; where any is text, each value has its place.
        scores: One a run; NaN is drawn as a cross at the bottom.
        best: Which run is the best.
        label: What the scores are.
    """
    rows = math.ceil(len(choices) / 3)
    columns = math.ceil(len(choices) / rows)
    figure = Figure(figsize=(0.8 + 4 * columns, 0.3 + 3.4 * rows), dpi=100, facecolor="white", layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axis in axes.flat[len(choices) :]:
        axis.remove()
    reached = np.asarray(scores, np.float64)
    failed = np.isnan(reached)
    for axis, (name, values) in zip(axes.flat, choices.items(), strict=False):
        places = _places(axis, values)
        axis.plot(places[~failed], reached[~failed], "o", alpha=0.6, label="a run")
        axis.plot(places[best], reached[best], "*", markersize=14, color="tab:orange", label="the best")
        axis.margins(y=0.12)  # room for the crosses
        if failed.any():
            axis.plot(places[failed], np.full(failed.sum(), 0.03), "x", color="tab:red", label="without a score",
                      transform=axis.get_xaxis_transform())  # fmt: skip
        axis.set_xlabel(name)
        axis.grid(alpha=0.3)
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _places(axis: Axes, values: Sequence[float | str]) -> NDArray[np.float64]:
    """Lays out an axis for values, and returns where each of them stands on it."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) < len(values):
        names = list(dict.fromkeys(map(str, values)))
        axis.set_xticks(range(len(names)), names, rotation=20 if max(map(len, names)) > 8 else 0)
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


def _matrix(counts: NDArray[np.int64], totals: NDArray[np.int64], table: ClassTable, label: str) -> tuple[Figure, Axes]:
    """Draws counts `[C, C]` as shares of their row's total `[C, 1]`; a row without any stays empty."""
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    side = max(5.0, 3 + 0.36 * len(table))
    figure = Figure(figsize=(side + 1, side), dpi=100, facecolor="white", layout="constrained")
    axis: Axes = figure.subplots()
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            axis.text(column, row, f"{share:.2f}".lstrip("0"), ha="center", va="center", fontsize=7,
                      color="white" if share > 0.55 else "black")  # fmt: skip
    axis.set_xticks(range(len(table)), table.names, rotation=90, fontsize=8)
    axis.set_yticks(range(len(table)), table.names, fontsize=8)
    figure.colorbar(image, ax=axis, label=label, shrink=0.8)
    return figure, axis


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG."""
    with atomic_write(path) as partial:
        figure.savefig(partial, format="png")


def legend_patches(ids: Sequence[int], table: ClassTable) -> list[Patch]:
    """Returns a legend's patches for class ids or the ignored id, in their colours."""
    names = {**dict(enumerate(table.names)), table.ignore_index: "ignored"}
    return [Patch(facecolor=table.palette[i] / 255, edgecolor="grey", label=names[i]) for i in ids]
