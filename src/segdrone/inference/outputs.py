"""Write the files of a prediction, and its row of the summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError
from segdrone.inference.inputs import InputImage
from segdrone.inference.instances import Instance, find_instances, to_coco
from segdrone.inference.overlays import draw_overlay
from segdrone.inference.panoptic_segments import to_panoptic
from segdrone.inference.photo_statistics import GROUND_COLUMNS, measure_photograph, statistics_columns
from segdrone.inference.polygons import to_geojson, trace_polygons
from segdrone.inference.prediction import Prediction
from segdrone.raster.encode import write_gray_png, write_jpeg, write_palette_png, write_rgb_png
from segdrone.raster.place_tags import copy_world_file, gps_block
from segdrone.utils.atomic import atomic_write, is_too_long

FIRST_COLUMNS = ("path", "mask", "height", "width", "digest", "confidence")
"""Columns of `summary.csv` that come first, whatever the classes are."""

SUMMARY_VERSION = 3
"""Version of the columns; 1 had none of the statistics for monitoring, 2 no area of the ground."""

SUFFIXES = {
    "masks": ".png",
    "colours": ".png",
    "overlays": ".jpg",
    "confidence": ".png",
    "regions": ".geojson",
    "objects": ".json",
    "instances": ".png",
    "panoptic": ".png",
    "panoptic_json": ".json",
}
"""Suffix of each kind of file."""


@dataclass(frozen=True)
class Outputs:
    """The files that are written for each photograph.

    | file                   | content                                                                     |
    |------------------------|-----------------------------------------------------------------------------|
    | `masks/NAME.png`       | class ids, 8-bit gray                                                       |
    | `colours/NAME.png`     | the same, with the class colors as palette                                  |
    | `overlays/NAME.jpg`    | photograph, mask and legend, at most 2000 pixels on the longer side         |
    | `confidence/NAME.png`  | probability of the class, 8-bit gray, 255 is 1                              |
    | `regions/NAME.geojson` | regions as polygons along the edges of the pixels                           |
    | `objects/NAME.json`    | instances as COCO                                                           |
    | `instances/NAME.png`   | number of the thing, 16-bit gray, 0 for none                                |
    | `panoptic/NAME.png`    | segments as COCO panoptic, with `panoptic/NAME.json`                        |

    Pixels without data have the ignored id. They count in no share, mean, area or instance.

    Args:
        folder: The folder of all files.
        table: The classes.
        colours: Write color masks.
        overlays: Write overlays.
        confidence: Write confidences.
        regions: Write regions.
        objects: Names of the classes whose instances are written and counted.
        panoptic: Write the things of `objects` as they were told apart: instance maps, COCO panoptic, their mean area,
            and their outlines and numbers in overlays.
        places: Keep the position in a photograph's EXIF data in its mask, and its world file as `masks/NAME.pgw`.

    Raises:
        ConfigError: The table does not have one of these classes.
    """

    folder: Path
    table: ClassTable
    colours: bool = True
    overlays: bool = True
    confidence: bool = False
    regions: bool = False
    objects: Sequence[str] = ()
    panoptic: bool = False
    places: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.objects if name not in self.table.names]
        if unknown:
            raise ConfigError(
                f"there is no class {unknown[0]}: choose the classes of objects from {', '.join(self.table.names)}"
            )

    @property
    def settings(self) -> dict[str, object]:
        """What is written, as plain values."""
        places = {"places": True} if self.places else {}
        return {**self._choices, **places, "objects": list(self.objects), "summary_version": SUMMARY_VERSION}

    @property
    def columns(self) -> list[str]:
        """Names of the cells that `write` returns.

        Shares are 0 to 1, of the pixels with data; `no_data` is the share of the others. `confidence` is the mean,
        `captured` is the time in the EXIF data (ISO 8601), if any. `objects_CLASS` is a number of things,
        `object_area_CLASS` their mean area in pixels, empty without any. `GROUND_COLUMNS` follow, and statistics for
        monitoring: see `photo_statistics`; they are empty where they are unknown.
        """
        shares = [f"share_{name}" for name in self.table.names]
        objects = [f"objects_{name}" for name in self.objects]
        areas = [f"object_area_{name}" for name in self.objects] if self.panoptic else []
        columns = [*FIRST_COLUMNS, *shares, *objects, "no_data", "captured", *areas]
        return [*columns, *GROUND_COLUMNS, *statistics_columns(self.table)]

    def file(self, kind: str, name: str) -> Path:
        """Returns the path of a file of one kind, a key of `SUFFIXES`."""
        return self.folder / kind.removesuffix("_json") / (name + SUFFIXES[kind])

    def too_long(self, name: str) -> Path | None:
        """Returns a file of a photograph whose name no file system takes; None if there is none."""
        return next((file for kind in self._kinds() if is_too_long(file := self.file(kind, name))), None)

    def files(self, name: str) -> list[Path]:
        """Returns the files that are written for a photograph."""
        return [self.file(kind, name) for kind in self._kinds()]

    def remove(self, name: str) -> None:
        """Removes all files of a photograph, of every kind."""
        for kind in SUFFIXES:
            file = self.file(kind, name)
            if not is_too_long(file) and (file.is_file() or file.is_symlink()):
                file.unlink(missing_ok=True)
        self.file("masks", name).with_suffix(".pgw").unlink(missing_ok=True)

    def keep_place(self, image: InputImage) -> None:
        """Copies the world file that a photograph has now beside its mask, if `places`; removes one that it had before.

        Raises:
            OSError: It cannot be written.
        """
        mask = self.file("masks", image.name)
        if self.places and not copy_world_file(image.file, mask):
            mask.with_suffix(".pgw").unlink(missing_ok=True)

    def write(self, image: InputImage, pixels: NDArray[np.uint8], prediction: Prediction) -> list[str]:
        """Writes the files of a photograph, each whole or not at all; they are not flushed to disk.

        Args:
            image: The photograph.
            pixels: Its pixels, uint8 `[H, W, 3]`, RGB.
            prediction: Its mask and confidence.

        Returns:
            A cell for each of `columns`.

        Raises:
            DataError: The mask has too many regions for polygons.
            OSError: A file cannot be written.
        """
        mask, confidence = prediction.mask, prediction.confidence
        assert confidence is not None
        texts, values = measure_photograph(image.file, pixels, mask, confidence, self.table)
        shares = [values[f"share_{name}"] for name in self.table.names]
        file = self.file("masks", image.name)
        write_gray_png(mask, file, exif=gps_block(image.file) if self.places else b"", sync=False)
        self.keep_place(image)
        if self.colours:
            write_palette_png(mask, self.table.palette, self.file("colours", image.name), sync=False)
        if self.overlays:
            overlay = draw_overlay(pixels, mask, self.table, shares, prediction.numbers)
            write_jpeg(overlay, self.file("overlays", image.name), sync=False)
        if self.confidence:
            write_gray_png(confidence, self.file("confidence", image.name), sync=False)
        if self.regions:
            self._write_regions(image, prediction)
        instances = self._write_objects(image, prediction)
        areas_by_class = [[i.area for i in instances if self.table.names[i.class_id] == name] for name in self.objects]
        if self.panoptic:
            self._write_panoptic(image, prediction)
        cells = {name: f"{value:.6f}" for name, value in values.items()} | texts
        return [
            image.path,
            f"masks/{image.name}{SUFFIXES['masks']}",
            *map(str, (*mask.shape, image.digest)),
            *(f"{value:.6f}" for value in (values["confidence"], *shares)),
            *(str(len(areas)) for areas in areas_by_class),
            f"{values['no_data']:.6f}",
            texts["captured"],
            *(f"{sum(areas) / len(areas):.6f}" if areas else "" for areas in areas_by_class if self.panoptic),
            *(cells.get(name, "") for name in (*GROUND_COLUMNS, *statistics_columns(self.table))),
        ]

    def _write_regions(self, image: InputImage, prediction: Prediction) -> None:
        mask, confidence = prediction.mask, prediction.confidence
        polygons = trace_polygons(mask, confidence, self.table.ignore_index)
        document = to_geojson(image.path, (mask.shape[0], mask.shape[1]), polygons, self.table)
        with atomic_write(self.file("regions", image.name), sync=False) as partial:
            partial.write_text(json.dumps(document, separators=(",", ":")), encoding="ascii")

    def _write_objects(self, image: InputImage, prediction: Prediction) -> list[Instance]:
        if not self.objects:
            return []
        mask, confidence = prediction.mask, prediction.confidence
        instances = find_instances(mask, confidence, self.table, self.objects, prediction.numbers)
        document = to_coco({image.path: ((mask.shape[0], mask.shape[1]), instances)}, self.table)
        with atomic_write(self.file("objects", image.name), sync=False) as partial:
            partial.write_text(json.dumps(document), encoding="ascii")
        return instances

    def _write_panoptic(self, image: InputImage, prediction: Prediction) -> None:
        mask, numbers = prediction.mask, prediction.numbers
        assert numbers is not None
        write_gray_png(numbers, self.file("instances", image.name), sync=False)
        file = self.file("panoptic", image.name)
        segments = to_panoptic(mask, numbers, self.table)
        write_rgb_png(segments.pixels, file, sync=False)
        document = segments.document(image.path, file.name, self.objects)
        with atomic_write(self.file("panoptic_json", image.name), sync=False) as partial:
            partial.write_text(json.dumps(document), encoding="ascii")

    @property
    def _choices(self) -> dict[str, bool]:
        return {
            "colours": self.colours,
            "overlays": self.overlays,
            "confidence": self.confidence,
            "regions": self.regions,
            "panoptic": self.panoptic,
        }

    def _kinds(self) -> list[str]:
        things = dict.fromkeys(("instances", "panoptic", "panoptic_json"), self.panoptic)
        chosen = {**self._choices, **things, "objects": bool(self.objects), "masks": True}
        return [kind for kind in SUFFIXES if chosen[kind]]
