"""Photographs of the page: masks with names on them, where the errors are, and all of it within a size."""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.evaluation.html_report.matrix import Confusion, most_confused
from segdrone.evaluation.html_report.region_labels import RegionLabel, label_regions
from segdrone.figures import ImageTruthPrediction

_WIDTH = 900  # pixels: no picture is wider
_BUDGET = 13_000_000  # bytes of all pictures as they stand in the page, which shall stay below 15 MB
_ORANGE, _STRIPE = (240, 110, 0), (90, 25, 0)  # wrong pixels and the hatching over them
_PALE, _DOT = (220, 228, 245), (70, 100, 170)  # ignored pixels and the dots on them


@dataclass(frozen=True)
class EncodedPanel:
    """Pictures of one photograph as data URIs, all `width` x `height` pixels; no photograph: None."""

    width: int
    height: int
    photograph: str | None
    truth: str
    prediction: str
    errors: str

    @property
    def size(self) -> int:
        """Bytes that they take in the page."""
        return sum(map(len, (self.photograph or "", self.truth, self.prediction, self.errors)))


@dataclass(frozen=True)
class Panel:
    """One photograph on the page.

    Attributes:
        place: Its number on the page.
        title: Its name.
        encoded: Its pictures.
        truth_labels: Names to write on the true mask.
        prediction_labels: Names to write on the predicted mask.
        ids: Classes that occur in either mask.
        ignored: Whether any pixel is ignored.
        wrong: Share of the labelled pixels that are wrong; None where none is labelled.
        taken: What is most often taken for what.
    """

    place: int
    title: str
    encoded: EncodedPanel
    truth_labels: list[RegionLabel]
    prediction_labels: list[RegionLabel]
    ids: list[int]
    ignored: bool
    wrong: float | None
    taken: list[Confusion]


def make_panels(rows: Sequence[ImageTruthPrediction], table: ClassTable) -> list[Panel]:
    """Returns photographs ready for the page, all made smaller until they fit into it together."""
    width = _WIDTH
    encoded = [_encode(row, table, width) for row in rows]
    while (total := sum(pictures.size for pictures in encoded)) > _BUDGET and width > 16:
        width = max(16, int(min(width, max(p.width for p in encoded)) * math.sqrt(_BUDGET / total) * 0.95))
        encoded = [_encode(row, table, width) for row in rows]
    return [_shown(place, row, encoded[place], table) for place, row in enumerate(rows)]


def error_map(row: ImageTruthPrediction, table: ClassTable) -> NDArray[np.uint8]:
    """Marks where a prediction is wrong, on the photograph in pale grey, or on white if there is none.

    Wrong pixels are orange under dark stripes, ignored ones pale blue under dots, so that neither
    depends on seeing colours.

    Returns:
        uint8 `[H, W, 3]`, RGB.
    """
    height, width = row.truth.shape
    picture = np.full((height, width, 3), 255, np.uint8)
    if row.image is not None:
        picture[:] = (105 + 0.58 * cv2.cvtColor(row.image, cv2.COLOR_RGB2GRAY)).astype(np.uint8)[..., None]
    y, x = np.ogrid[:height, :width]
    period = max(4, width // 90)
    third = period // 3 + (period < 6)
    ignored = row.truth == table.ignore_index
    wrong = (row.truth != row.prediction) & ~ignored
    picture[wrong] = _ORANGE
    picture[wrong & ((x + y) % period < third)] = _STRIPE
    picture[ignored] = _PALE
    picture[ignored & (x % period < third) & (y % period < third)] = _DOT
    return picture


def _shown(place: int, row: ImageTruthPrediction, encoded: EncodedPanel, table: ClassTable) -> Panel:
    row = _reduced(row, _WIDTH)
    labelled = row.truth != table.ignore_index
    pairs = row.truth[labelled].astype(np.int64) * 256 + row.prediction[labelled]
    counts = np.bincount(pairs, minlength=256 * 256).reshape(256, 256)[: len(table), : len(table)]
    ids = np.union1d(row.truth, row.prediction)
    return Panel(
        place=place,
        title=row.title,
        encoded=encoded,
        truth_labels=label_regions(row.truth, table),
        prediction_labels=label_regions(row.prediction, table),
        ids=[int(i) for i in ids if i < len(table)],
        ignored=not labelled.all(),
        wrong=float((row.truth != row.prediction)[labelled].mean()) if labelled.any() else None,
        taken=most_confused(counts, table, most=3),
    )


def _encode(row: ImageTruthPrediction, table: ClassTable, width: int) -> EncodedPanel:
    row = _reduced(row, width)
    errors = error_map(row, table)
    return EncodedPanel(
        width=row.truth.shape[1],
        height=row.truth.shape[0],
        photograph=None if row.image is None else _jpeg(row.image),
        truth=_png(row.truth, table),
        prediction=_png(row.prediction, table),
        errors=_jpeg(errors, subsampling=0),  # the edges of the marks stay sharp
    )


def _reduced(row: ImageTruthPrediction, most: int) -> ImageTruthPrediction:
    """Returns a triple no wider than `most` pixels."""
    height, width = row.truth.shape
    if width <= most:
        return row
    size = (most, max(1, round(height * most / width)))
    image: Any = None if row.image is None else cv2.resize(row.image, size, interpolation=cv2.INTER_AREA)
    masks: Any = (cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) for mask in (row.truth, row.prediction))
    return ImageTruthPrediction(row.title, image, *masks)


def _jpeg(picture: NDArray[np.uint8], subsampling: int = 2) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=80, subsampling=subsampling, optimize=True)
    return _uri(file, "jpeg")


def _png(mask: NDArray[np.uint8], table: ClassTable) -> str:
    """A mask in the table's colours: exact, with a palette of no more colours than it has classes."""
    ids = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    places = np.zeros(256, np.uint8)
    places[ids] = np.arange(len(ids))
    picture = Image.fromarray(places[mask])
    picture.putpalette(table.palette[ids].tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return _uri(file, "png")


def _uri(file: io.BytesIO, kind: str) -> str:
    return f"data:image/{kind};base64,{b64encode(file.getvalue()).decode()}"
