"""The files that a prediction leaves, and its row of figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.inference.inputs import InputImage
from segdrone.inference.instances import Instance, find_instances, to_coco
from segdrone.inference.overlays import draw_overlay
from segdrone.inference.predictor import Prediction
from segdrone.raster.pixels import count_values
from segdrone.utils.atomic import atomic_write

SUFFIXES = {"masks": ".png", "colours": ".png", "overlays": ".jpg", "confidence": ".png", "objects": ".json"}

# Of even areas, run lengths are both faster to write than what PNG does by itself, and smaller.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)


@dataclass(frozen=True)
class Outputs:
    """What is written of a photograph, and where.

    | file                   | holds                                                                   |
    |------------------------|-------------------------------------------------------------------------|
    | `masks/NAME.png`       | class ids, 8-bit grey                                                   |
    | `colours/NAME.png`     | the same with the colours of the classes as its palette                 |
    | `overlays/NAME.jpg`    | photograph, mask and legend, of 2000 pixels at most on the longer side  |
    | `confidence/NAME.png`  | probability of the chosen class, 8-bit grey, 255 is certain             |
    | `objects/NAME.json`    | objects as COCO                                                         |

    Args:
        folder: Where all of them go.
        table: The classes.
        colours: Write colour masks.
        overlays: Write overlays.
        confidence: Write confidences.
        objects: Names of the classes whose objects are written and counted; none by itself.

    Raises:
        ConfigError: The table has no such class.
    """

    folder: Path
    table: ClassTable
    colours: bool = True
    overlays: bool = True
    confidence: bool = False
    objects: Sequence[str] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.objects if name not in self.table.names]
        if unknown:
            raise ConfigError(
                f"there is no class {unknown[0]} to find objects of: choose from {', '.join(self.table.names)}"
            )

    @property
    def settings(self) -> dict[str, object]:
        """What was asked for, as plain values."""
        asked = {"colours": self.colours, "overlays": self.overlays, "confidence": self.confidence}
        return {**asked, "objects": list(self.objects)}

    @property
    def columns(self) -> list[str]:
        """Names of the cells of `write`: shares lie between 0 and 1, `confidence` is the mean."""
        shares = [f"share_{name}" for name in self.table.names]
        objects = [f"objects_{name}" for name in self.objects]
        return ["path", "mask", "height", "width", "digest", "confidence", *shares, *objects]

    def file(self, kind: str, name: str) -> Path:
        """Returns the place of one kind of file, a key of `VIDEO_SUFFIXES`."""
        return self.folder / kind / (name + SUFFIXES[kind])

    def complete(self, name: str) -> bool:
        """Tells whether all files of a photograph are there."""
        return all(self.file(kind, name).is_file() for kind in self._wanted())

    def remove(self, name: str) -> None:
        """Removes all files of a photograph, of every kind, that are there."""
        for kind in SUFFIXES:
            self.file(kind, name).unlink(missing_ok=True)

    def write(self, source: InputImage, image: NDArray[np.uint8], prediction: Prediction) -> list[str]:
        """Writes the files of a photograph, each whole or not at all.

        Args:
            source: The photograph.
            image: Its pixels, uint8 `[H, W, 3]`, RGB.
            prediction: Its mask and confidence.

        Returns:
            A cell for each of `columns`.

        Raises:
            OSError: A file cannot be written.
        """
        mask, confidence = prediction
        assert confidence is not None
        height, width = mask.shape
        shares = [float(count / mask.size) for count in count_values(mask)[: len(self.table)]]
        mean = float(confidence.sum(dtype=np.uint64) / (255 * confidence.size))
        _write_grey(mask, self.file("masks", source.name))
        if self.colours:
            _write_colours(mask, self.table, self.file("colours", source.name))
        if self.overlays:
            with atomic_write(self.file("overlays", source.name)) as partial:
                Image.fromarray(draw_overlay(image, mask, self.table, shares)).save(partial, quality=90)
        if self.confidence:
            _write_grey(confidence, self.file("confidence", source.name))
        found: list[Instance] = []
        if self.objects:
            found = find_instances(mask, confidence, self.table, self.objects)
            with atomic_write(self.file("objects", source.name)) as partial:
                partial.write_text(
                    json.dumps(to_coco({source.path: ((height, width), found)}, self.table)), encoding="ascii"
                )
        counts = Counter(self.table.names[one.class_id] for one in found)
        return [
            source.path,
            f"masks/{source.name}{SUFFIXES['masks']}",
            *map(str, (height, width, source.digest)),
            *(f"{value:.6f}" for value in (mean, *shares)),
            *(str(counts[name]) for name in self.objects),
        ]

    def _wanted(self) -> list[str]:
        asked = {**self.settings, "masks": True}
        return [kind for kind in SUFFIXES if asked[kind]]


def _write_grey(pixels: NDArray[np.uint8], path: Path) -> None:
    with atomic_write(path) as partial:
        partial.write_bytes(cv2.imencode(".png", pixels, _PNG)[1].tobytes())


def _write_colours(mask: NDArray[np.uint8], table: ClassTable, path: Path) -> None:
    picture = Image.fromarray(mask)
    picture.putpalette(table.palette.tobytes())
    with atomic_write(path) as partial:
        picture.save(partial, compress_level=1)
