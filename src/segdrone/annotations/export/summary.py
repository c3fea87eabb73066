"""What an export of labels wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segdrone.annotations.export.formats import MASKS
from segdrone.annotations.export.prepare import Prepared
from segdrone.annotations.export.regions import Regions
from segdrone.classes import ClassTable


@dataclass
class LabelSummary:
    """What was written.

    Attributes:
        out: The folder.
        label_format: A key of `LABEL_FORMATS`.
        kind: `masks` or `polygons`.
        table: The classes.
        min_area: Regions of fewer pixels were filled.
        min_confidence: Regions of a lower mean confidence have no shape.
        photographs: Number of photographs.
        tiles: Number of tiles; of a photograph that was not cut, none.
        shapes: Number of shapes.
        most_shapes: Those of the photograph, or the tile, that has most.
        pixels: Number of labeled pixels.
        joined: Number of small regions that are one shape per class together.
        filled: Number of small regions that got the class of what is around them.
        filled_pixels: Number of their pixels.
        below: Largest number of pixels below which regions were joined or filled.
        unsure: Number of regions of a low confidence.
        unsure_pixels: Number of their pixels.
        empty: Photographs without a shape.
        files: File of each photograph or tile by its name, in the order of the export; None where it is not known.
    """

    out: Path
    label_format: str
    kind: str
    table: ClassTable
    min_area: int = 0
    min_confidence: float = 0
    photographs: int = 0
    tiles: int = 0
    shapes: int = 0
    most_shapes: int = 0
    pixels: int = 0
    joined: int = 0
    filled: int = 0
    filled_pixels: int = 0
    below: int = 0
    unsure: int = 0
    unsure_pixels: int = 0
    empty: list[str] = field(default_factory=list)
    files: dict[str, Path | None] = field(default_factory=dict)

    def add(self, name: str, prepared: Prepared, parts: Sequence[Regions]) -> None:
        """Counts a photograph and its parts: its tiles, or itself."""
        counts = [sum(max(1, len(shape.outlines)) for shape in regions.shapes) for regions in parts]
        self.photographs += 1
        self.tiles += len(parts) if len(parts) > 1 else 0
        self.shapes += sum(counts)
        self.most_shapes = max(self.most_shapes, *counts)
        self.filled += prepared.filled
        self.filled_pixels += prepared.filled_pixels
        self.unsure += prepared.unsure
        self.unsure_pixels += prepared.unsure_pixels
        for regions in parts:
            self.pixels += sum(shape.pixels for shape in regions.shapes)
            self.joined += regions.joined
            self.filled += regions.filled
            self.filled_pixels += regions.filled_pixels
            self.below = max(self.below, regions.below)
        if not any(counts):
            self.empty.append(name)

    def lines(self) -> list[str]:
        """Returns what to print."""
        cut = f", some of them as {self.tiles} tiles," if self.tiles else ""
        lines = [
            f"{self.photographs} photographs{cut} with {self.shapes} {self.kind} ({self.label_format}, at most "
            f"{self.most_shapes} on one) in {self.out}"
        ]
        smallest = self.min_area if self.kind == MASKS else max(self.min_area, self.below)
        if self.joined:
            lines.append(
                f"joined: {self.joined} regions of fewer than {self.below} pixels are one mask per class together; "
                "nothing is lost; more masks: --max-shapes"
            )
        if self.filled:
            lines.append(
                f"left out: {self.filled} regions of fewer than {smallest} pixels, {self._share(self.filled_pixels)} "
                "of the labeled pixels, which get the class around them; to keep smaller ones, give another "
                "--max-shapes or --min-area"
            )
        if self.min_confidence:
            lines.append(
                f"left empty: {self.unsure} regions of a mean confidence below {self.min_confidence:g}, "
                f"{self._share(self.unsure_pixels)} of the pixels with a class; they are ignored until they are labeled"
            )
        if self.empty:
            lines.append(f"without a shape: {len(self.empty)} photographs, {self.empty[0]} first")
        return lines

    def _share(self, pixels: int) -> str:
        return f"{100 * pixels / max(1, self.pixels + self.unsure_pixels):.3f} %"
