"""Draw image, true mask and predicted mask side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.figures.masks import colorize
from segdrone.figures.patches import legend_patches
from segdrone.figures.text import plain_text

PANEL_WIDTH = 900
"""Width in pixels that images and masks are downscaled to before they are drawn."""


class ImageTruthPrediction(NamedTuple):
    """An image with its true and its predicted mask.

    Attributes:
        title: Title of the row that they are drawn in.
        image: uint8 `[H, W, 3]`, RGB; None if there is only the mask.
        truth: True mask, uint8 `[H, W]`, class ids and the ignored id.
        prediction: Predicted mask, uint8 `[H, W]`, class ids.
    """

    title: str
    image: NDArray[np.uint8] | None
    truth: NDArray[np.uint8]
    prediction: NDArray[np.uint8]

    def downscale(self, width: int = PANEL_WIDTH) -> ImageTruthPrediction:
        """Returns image and masks at most `width` pixels wide; class ids are never mixed."""
        rows, columns = self.truth.shape
        if columns <= width:
            return self
        size = (width, max(1, round(rows * width / columns)))
        image = self.image
        if image is not None:
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        truth, prediction = (
            np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
            for mask in (self.truth, self.prediction)
        )
        return ImageTruthPrediction(self.title, image, truth, prediction)


def prediction_grid(samples: Sequence[ImageTruthPrediction], table: ClassTable) -> Figure:
    """Draws image, truth and prediction of each sample in a row, above a legend of the classes that occur."""
    samples = [sample.downscale() for sample in samples]
    masks = [mask for sample in samples for mask in (sample.truth, sample.prediction)]
    present = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    legend = legend_patches([int(i) for i in present], table)
    legend_rows = math.ceil(len(legend) / 8)
    row_height = max(4.2 * sample.truth.shape[0] / sample.truth.shape[1] for sample in samples) + 0.35
    height = row_height * len(samples) + 0.28 * legend_rows + 0.2
    figure = Figure(figsize=(12.8, height), dpi=100, facecolor="white", layout="constrained")
    axes = figure.subplots(len(samples), 3, squeeze=False)
    for row_axes, sample in zip(axes, samples, strict=True):
        panels = (sample.image, colorize(sample.truth, table), colorize(sample.prediction, table))
        titles = (sample.title, "truth", "prediction")
        for axis, panel, title in zip(row_axes, panels, titles, strict=True):
            if panel is not None:
                axis.imshow(panel, interpolation="nearest")
            axis.set_title(plain_text(title), fontsize=10)
            axis.set_axis_off()
    figure.legend(handles=legend, loc="outside lower center", ncols=8, fontsize=9, frameon=False)
    return figure
