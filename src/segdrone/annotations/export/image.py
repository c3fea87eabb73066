"""What writers of annotations get: a photograph with its regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.export.encodings import run_counts
from segdrone.annotations.export.regions import Region, Regions
from segdrone.classes import ClassTable, Color
from segdrone.windows import Size


@dataclass(frozen=True)
class LabeledImage:
    """A photograph to write.

    Attributes:
        name: Its path below the folder of the photographs, with `/`, such as `flight1/DJI_0001.JPG`.
        stem: Path of its files of its own, without their suffix.
        photograph: Its file, if it is known.
        regions: Its shapes.
        file_bytes: Size of its file; -1 if it is not known.
    """

    name: str
    stem: str
    photograph: Path | None
    regions: Regions
    file_bytes: int = -1

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        return self.regions.size

    @property
    def shapes(self) -> list[Region]:
        """Its shapes."""
        return self.regions.shapes

    def paint(self, values: Sequence[int], empty: int = 0) -> NDArray[np.int64]:
        """Returns a map, int64 `[H, W]`, with a value for each shape, and `empty` elsewhere."""
        shapes = self.shapes
        if not shapes:
            return np.full(self.size, empty, np.int64)
        starts = np.concatenate([shape.starts for shape in shapes])
        lengths = np.concatenate([shape.lengths for shape in shapes])
        order = np.argsort(starts)
        counts = run_counts(starts[order], lengths[order], self.size[0] * self.size[1])
        painted = np.full(len(counts), empty, np.int64)
        painted[1::2] = np.repeat(values, [len(shape.starts) for shape in shapes])[order]
        return np.repeat(painted, counts).reshape(self.size)


class Writer(Protocol):
    """Writes the annotations of one format, photograph by photograph."""

    def add(self, image: LabeledImage) -> None:
        """Writes a photograph, or keeps what will be written of it."""

    def finish(self) -> None:
        """Writes what all photographs have in common."""


@dataclass(frozen=True)
class Export:
    """What a writer is made of.

    Attributes:
        folder: Where to write.
        final: Folder in which the files will be, for relative paths.
        table: The classes.
        predictions: Whether the shapes are predictions in Label Studio, or annotations.
        has_outlines: Whether regions are outlines, or runs of pixels.
    """

    folder: Path
    final: Path
    table: ClassTable
    predictions: bool = False
    has_outlines: bool = False


def hex_color(color: Color) -> str:
    """Returns a color as web pages write it.

    Example:
        >>> hex_color((128, 64, 128))
        '#804080'
    """
    return "#{:02x}{:02x}{:02x}".format(*color)


def color_by_name(table: ClassTable) -> dict[str, Color]:
    """Returns the color of each class."""
    return dict(zip(table.names, table.colours, strict=True))


JsonObject = dict[str, Any]
