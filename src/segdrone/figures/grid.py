"""Draw pictures side by side, such as image, true mask and predicted mask."""

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
_MAX_HEIGHT = 60_000  # pixels: matplotlib draws no figure of 65,536 and more


PictureRow = Sequence[tuple[str, NDArray[np.uint8] | None]]
"""Titles and pictures, uint8 `[H, W, 3]`, RGB; None leaves a place empty."""


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
    rows: list[PictureRow] = [
        [
            (sample.title, sample.image),
            ("truth", colorize(sample.truth, table)),
            ("prediction", colorize(sample.prediction, table)),
        ]
        for sample in samples
    ]
    return picture_grid(rows, [int(i) for i in present], table)


def picture_grid(rows: Sequence[PictureRow], present: Sequence[int], table: ClassTable) -> Figure:
    """Draws rows of pictures with their titles, above a legend of classes; hundreds of rows at a lower resolution.

    Args:
        rows: At most as many pictures in each as in the first. At least one row has a picture.
        present: Ids of the classes in the legend.
        table: The classes.
    """
    legend = legend_patches(present, table)
    columns = len(rows[0])
    heights = [p.shape[0] / p.shape[1] for row in rows for _, p in row if p is not None]
    row_height = 12.6 / columns * max(heights) + 0.35
    height = row_height * len(rows) + 0.28 * math.ceil(len(legend) / 8) + 0.2
    dpi = min(100.0, _MAX_HEIGHT / height)
    figure = Figure(figsize=(12.8, height), dpi=dpi, facecolor="white", layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for row_axes, row in zip(axes, rows, strict=True):
        for axis, (title, picture) in zip(row_axes, row, strict=False):
            if picture is not None:
                axis.imshow(picture, interpolation="nearest")
            axis.set_title(plain_text(title), fontsize=10)
    figure.legend(handles=legend, loc="outside lower center", ncols=8, fontsize=9, frameon=False)
    return figure
