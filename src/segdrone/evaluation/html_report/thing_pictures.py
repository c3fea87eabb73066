"""Draw things that were split or merged for the page: outlines of truth and prediction side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segdrone.classes import ClassTable
from segdrone.evaluation.html_report.panels import jpeg_uri
from segdrone.evaluation.worst_things import MAX_SIDE, ThingCrop
from segdrone.figures import outline_things

_MOST_AREAS = 8  # that are listed one by one
_GROUND, _THING = 240, 200  # gray levels without a photograph


@dataclass(frozen=True)
class ThingPicture:
    """Things that were split or merged.

    Attributes:
        kind: `split` or `merged`.
        name: Id of the photograph.
        class_name: Class of the things.
        area: Pixels of the true thing that was split, or of the predicted one that merges.
        areas: Pixels of the predicted parts, or of the true things that were merged, largest first; some of them.
        several: How many there are.
        truth: Outlines of the true things, as a data URI.
        prediction: Outlines of the predicted things.
        width: Width of both pictures in pixels.
        height: Their height.
    """

    kind: str
    name: str
    class_name: str
    area: int
    areas: tuple[int, ...]
    several: int
    truth: str
    prediction: str
    width: int
    height: int


def draw_thing_errors(crops: Sequence[ThingCrop], table: ClassTable) -> list[ThingPicture]:
    """Draws what `WorstThings` kept, each at most `MAX_SIDE` wide and high; small things are enlarged."""
    return [_draw(crop, table) for crop in crops]


def _draw(crop: ThingCrop, table: ClassTable) -> ThingPicture:
    error, numbers = crop.error, (crop.truth, crop.prediction)
    chosen = ((error.one,), error.several) if error.kind == "split" else (error.several, (error.one,))
    height, width = crop.truth.shape
    factor = MAX_SIDE / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    uris = []
    for side, outlined in zip(numbers, chosen, strict=True):
        picture = crop.image
        if picture is None:
            picture = np.where(side > 0, _THING, _GROUND).astype(np.uint8)[..., None].repeat(3, axis=2)
        enlarged = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        large_numbers = np.asarray(cv2.resize(side, size, interpolation=cv2.INTER_NEAREST), np.uint16)
        uris.append(jpeg_uri(outline_things(enlarged, large_numbers, outlined), subsampling=0))
    return ThingPicture(
        kind=error.kind,
        name=crop.name,
        class_name=table.names[error.class_id],
        area=error.area,
        areas=error.areas[:_MOST_AREAS],
        several=len(error.several),
        truth=uris[0],
        prediction=uris[1],
        width=size[0],
        height=size[1],
    )
