"""Decide whether shapes were drawn on a photograph as stored or as its EXIF orientation displays it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.embedded import EmbeddedImage
from segdrone.annotations.photographs import Annotated
from segdrone.errors import DataError
from segdrone.raster.header import Header, read_header
from segdrone.raster.native import turn
from segdrone.windows import Size

log = logging.getLogger(__name__)

ORIENTATIONS = ("displayed", "stored")

Mask = TypeVar("Mask", NDArray[np.uint8], NDArray[np.uint16])


class MaskFrame(NamedTuple):
    """The frame in which the shapes of a photograph are drawn.

    Attributes:
        size: Height and width in pixels.
        exif: EXIF orientation by which the drawn mask is turned; 1 leaves it.
        is_doubtful: Whether the photograph is turned and its size cannot show whether the tool followed that.
    """

    size: Size
    exif: int = 1
    is_doubtful: bool = False

    def turn(self, mask: Mask) -> Mask:
        """Returns the mask as displayed, contiguous."""
        return np.ascontiguousarray(turn(mask, self.exif))


def check_orientation(orientation: str) -> None:
    """Checks a user's choice.

    Raises:
        DataError: It is none of `ORIENTATIONS`.
    """
    if orientation not in ORIENTATIONS:
        raise DataError(f"--orientation {orientation} is not one of {', '.join(ORIENTATIONS)}")


def mask_frame(one: Annotated, orientation: str) -> MaskFrame:
    """Returns the frame of a photograph's shapes.

    Raises:
        DataError: The annotations give the photograph another size, or the file is no image.
    """
    photograph = one.photograph
    header: EmbeddedImage | Header = photograph if isinstance(photograph, EmbeddedImage) else read_header(photograph)
    size, exif = header.size, header.orientation if header.orientation in range(1, 9) else 1
    if one.annotated.tiles:
        return MaskFrame(size)  # they were cut from the photograph as displayed
    stored = size[::-1] if exif >= 5 else size
    expected, other = (size, stored) if orientation == "displayed" else (stored, size)
    annotated = one.annotated.size
    if annotated not in (None, expected):
        raise _size_error(one, annotated, expected, exif if annotated == other else 1, orientation)
    doubtful = exif != 1 and (annotated is None or size == stored)
    return MaskFrame(expected, exif if orientation == "stored" else 1, doubtful)


def warn_of_turned(turned: Sequence[Annotated], orientation: str) -> None:
    """Warns of photographs on which the shapes may have been drawn in another orientation."""
    if turned and orientation == "displayed":
        log.warning(
            "%d photographs are turned by their EXIF orientation and their size cannot show whether the tool followed "
            "it, %s first: shapes are taken as drawn on the photograph as displayed; for a tool that ignores EXIF give "
            "--orientation stored",
            len(turned),
            turned[0].photograph,
        )


def _size_error(one: Annotated, annotated: Size, size: Size, exif: int, orientation: str) -> DataError:
    text = (
        f"{one.annotated.where} annotates a photograph of {annotated[1]} x {annotated[0]} pixels, but "
        f"{one.photograph} has {size[1]} x {size[0]}"
    )
    if exif == 1:
        return DataError(f"{text}: give the photographs that were annotated")
    other = next(name for name in ORIENTATIONS if name != orientation)
    return DataError(
        f"{text} as {orientation}, because of its EXIF orientation {exif}: if the shapes were drawn on the photograph "
        f"as {other}, give --orientation {other}"
    )
