"""Prepare photographs for the page: masks with labels and an error map, within a size limit."""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.evaluation.html_report.matrix import Confusion, most_confused
from segdrone.evaluation.html_report.region_labels import RegionLabel, label_regions
from segdrone.figures import ImageTruthPrediction
from segdrone.figures.grid import PANEL_WIDTH

_MIN_WIDTH = 16  # pixels
_MAX_BYTES = 12_000_000  # of these pictures as text in the page, which should stay below 15 MB with those of things
_ORANGE, _DARK_STRIPE = (240, 110, 0), (90, 25, 0)  # wrong pixels and the stripes over them
_PALE_BLUE, _BLUE_DOT = (220, 228, 245), (70, 100, 170)  # ignored pixels and the dots on them


@dataclass(frozen=True)
class EncodedPanel:
    """The pictures of one photograph as data URIs.

    Attributes:
        width: Width of all pictures in pixels.
        height: Height of all pictures in pixels.
        photograph: The photograph; None if there are only masks.
        truth: The true mask.
        prediction: The predicted mask.
        errors: The error map.
    """

    width: int
    height: int
    photograph: str | None
    truth: str
    prediction: str
    errors: str

    @property
    def num_bytes(self) -> int:
        """Bytes of all pictures in the page."""
        return sum(map(len, (self.photograph or "", self.truth, self.prediction, self.errors)))


@dataclass(frozen=True)
class Panel:
    """One photograph on the page.

    Attributes:
        number: Its number on the page.
        title: Its id.
        encoded: Its pictures.
        truth_labels: Class names on the true mask.
        prediction_labels: Class names on the predicted mask.
        ids: Classes that occur in either mask.
        ignored: Whether any pixel is ignored.
        wrong: Share of the labeled pixels that are wrong; None without a labeled pixel.
        confusions: The classes that are confused most.
    """

    number: int
    title: str
    encoded: EncodedPanel
    truth_labels: list[RegionLabel]
    prediction_labels: list[RegionLabel]
    ids: list[int]
    ignored: bool
    wrong: float | None
    confusions: list[Confusion]


def make_panels(samples: Sequence[ImageTruthPrediction], table: ClassTable) -> list[Panel]:
    """Prepares photographs for the page. All are downscaled until they fit the size limit together."""
    width = PANEL_WIDTH
    encoded = [_encode(sample, table, width) for sample in samples]
    while (total := sum(panel.num_bytes for panel in encoded)) > _MAX_BYTES and width > _MIN_WIDTH:
        widest = min(width, max(panel.width for panel in encoded))
        width = max(_MIN_WIDTH, int(widest * math.sqrt(_MAX_BYTES / total) * 0.95))
        encoded = [_encode(sample, table, width) for sample in samples]
    return [_panel(number, sample, encoded[number], table) for number, sample in enumerate(samples)]


def error_map(sample: ImageTruthPrediction, table: ClassTable) -> NDArray[np.uint8]:
    """Marks wrong and ignored pixels on the photograph in pale gray, or on white without a photograph.

    Wrong pixels are orange with dark stripes, ignored pixels are pale blue with dots, so that both can be distinguished
    without seeing colors.

    Returns:
        uint8 `[H, W, 3]`, RGB.
    """
    height, width = sample.truth.shape
    picture = np.full((height, width, 3), 255, np.uint8)
    if sample.image is not None:
        picture[:] = (105 + 0.58 * cv2.cvtColor(sample.image, cv2.COLOR_RGB2GRAY)).astype(np.uint8)[..., None]
    y, x = np.ogrid[:height, :width]
    period = max(4, width // 90)
    third = period // 3 + (period < 6)
    ignored = sample.truth == table.ignore_index
    wrong = (sample.truth != sample.prediction) & ~ignored
    picture[wrong] = _ORANGE
    picture[wrong & ((x + y) % period < third)] = _DARK_STRIPE
    picture[ignored] = _PALE_BLUE
    picture[ignored & (x % period < third) & (y % period < third)] = _BLUE_DOT
    return picture


def _panel(number: int, sample: ImageTruthPrediction, encoded: EncodedPanel, table: ClassTable) -> Panel:
    sample = sample.downscale()
    labeled = sample.truth != table.ignore_index
    pairs = sample.truth[labeled].astype(np.int64) * 256 + sample.prediction[labeled]
    counts = np.bincount(pairs, minlength=256 * 256).reshape(256, 256)[: len(table), : len(table)]
    ids = np.union1d(sample.truth, sample.prediction)
    return Panel(
        number=number,
        title=sample.title,
        encoded=encoded,
        truth_labels=label_regions(sample.truth, table),
        prediction_labels=label_regions(sample.prediction, table),
        ids=[int(i) for i in ids if i < len(table)],
        ignored=not labeled.all(),
        wrong=float((sample.truth != sample.prediction)[labeled].mean()) if labeled.any() else None,
        confusions=most_confused(counts, table, limit=3),
    )


def _encode(sample: ImageTruthPrediction, table: ClassTable, width: int) -> EncodedPanel:
    sample = sample.downscale(width)
    errors = error_map(sample, table)
    return EncodedPanel(
        width=sample.truth.shape[1],
        height=sample.truth.shape[0],
        photograph=None if sample.image is None else jpeg_uri(sample.image),
        truth=_png(sample.truth, table),
        prediction=_png(sample.prediction, table),
        errors=jpeg_uri(errors, subsampling=0),  # keeps the edges of the marks sharp
    )


def jpeg_uri(picture: NDArray[np.uint8], subsampling: int = 2) -> str:
    """Encodes a picture, uint8 `[H, W, 3]`, RGB, as a data URI.

    Args:
        picture: The picture.
        subsampling: 2 stores colors at half the width and height; 0 keeps them sharp.
    """
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=80, subsampling=subsampling, optimize=True)
    return _data_uri(file, "jpeg")


def _png(mask: NDArray[np.uint8], table: ClassTable) -> str:
    """Encodes a mask in the colors of its classes, without loss, with a palette of only the colors that it needs."""
    ids = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    palette_index = np.zeros(256, np.uint8)
    palette_index[ids] = np.arange(len(ids))
    picture = Image.fromarray(palette_index[mask])
    picture.putpalette(table.palette[ids].tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return _data_uri(file, "png")


def _data_uri(file: io.BytesIO, kind: str) -> str:
    return f"data:image/{kind};base64,{b64encode(file.getvalue()).decode()}"
