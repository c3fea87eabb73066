"""Count the square meters of each class, in a raster and in zones of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.geo.areas import PixelAreas, PixelSums
from segdrone.geo.zones import Zones
from segdrone.utils.atomic import atomic_write, write_json
from segdrone.windows import Size, Window

NO_DATA = "no data"
"""Name of the row of pixels that belong to no class."""

_OUTSIDE = 256  # label of what lies beside a zone
_COLUMNS = ("zone_id", "zone", "class_id", "class", "area_m2", "share", "pixels", "regions")


class AreaTable:
    """Sums up the pixels of each class while strips of a mask arrive from top to bottom.

    A pixel belongs to a zone if its center lies in it. Zones that overlap count a pixel each.

    Args:
        size: Height and width of the mask.
        table: The classes.
        areas: True areas of its pixels; None without a coordinate system: pixels alone are counted.
        zones: Zones, if any.

    Example:
        >>> areas = AreaTable((2, 2), ClassTable(("road", "grass"), ((1, 2, 3), (4, 5, 6))))
        >>> areas.add(np.array([[0, 1], [0, 255]], np.uint8))
        >>> [(row["class"], row["share"], row["pixels"]) for row in areas.rows()]
        [('road', 0.666667, 2), ('grass', 0.333333, 1), ('no data', None, 1)]
    """

    def __init__(
        self, size: Size, table: ClassTable, areas: PixelAreas | None = None, zones: Zones | None = None
    ) -> None:
        self._size, self._table, self._areas, self._zones = size, table, areas, zones
        self._top = 0
        self._sums = _no_sums(1)
        self._by_zone = _no_sums(0 if zones is None else len(zones.names))

    def add(self, mask: NDArray[np.uint8]) -> None:
        """Takes the next rows, uint8 `[h, W]`."""
        window = Window(self._top, 0, *mask.shape)
        self._count(self._sums, 0, mask, window)
        if self._zones is not None:
            for zone in self._zones.meeting(window):
                if (found := self._zones.cover(zone, window)) is not None:
                    part, is_in = found
                    own = mask[part.top - self._top : part.top - self._top + part.height, part.columns]
                    self._count(self._by_zone, zone, np.where(is_in, own, np.uint16(_OUTSIDE)), part)
        self._top += len(mask)

    def _count(self, sums: PixelSums, row: int, labels: NDArray[np.integer], window: Window) -> None:
        if self._areas is None:
            sums.pixels[row] += np.bincount(labels.ravel(), minlength=_OUTSIDE + 1)
            return
        added = self._areas.sum_labels(labels, _OUTSIDE + 1, window.top, window.left)
        sums.pixels[row] += added.pixels
        sums.square_meters[row] += added.square_meters

    def rows(self, regions: NDArray[np.int64] | None = None) -> list[dict[str, Any]]:
        """Returns the rows of `areas.csv`: for the raster and each zone, each class, then what is no data.

        `area_m2` is None without a coordinate system. `share` is of the pixels with data, in square meters where these
        are known; None for no data.

        Args:
            regions: Number of regions of the raster by class id, int64 `[256]`, if known.
        """
        found = self._rows_of("", "", self._sums, 0)
        if regions is not None:
            for row in found[:-1]:
                row["regions"] = int(regions[row["class_id"]])
        if self._zones is not None:
            for number, (zone_id, name) in enumerate(zip(self._zones.ids, self._zones.names, strict=True)):
                found += self._rows_of(zone_id, name, self._by_zone, number)
        return found

    def _rows_of(self, zone_id: int | str, zone: str, sums: PixelSums, row: int) -> list[dict[str, Any]]:
        amounts = (sums.pixels if self._areas is None else sums.square_meters)[row]
        total = float(amounts[: len(self._table)].sum())
        rows = []
        for class_id, name in [*enumerate(self._table.names), (self._table.ignore_index, NO_DATA)]:
            is_class = class_id < len(self._table)
            rows.append(
                {
                    "zone_id": zone_id,
                    "zone": zone,
                    "class_id": class_id,
                    "class": name,
                    "area_m2": None if self._areas is None else round(float(sums.square_meters[row, class_id]), 6),
                    "share": round(float(amounts[class_id]) / total, 6) if is_class and total else None,
                    "pixels": int(sums.pixels[row, class_id]),
                    "regions": None,
                }
            )
        return rows

    def write_csv(self, path: Path, regions: NDArray[np.int64] | None = None) -> None:
        """Writes `areas.csv`; the rows of the whole raster have no zone."""
        with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows(regions))

    def write_json(self, path: Path, regions: NDArray[np.int64] | None = None) -> None:
        """Writes `areas.json`: `raster` and `zones`, each with `classes` and `no_data`."""
        parts: dict[int | str, dict[str, Any]] = {}
        for row in self.rows(regions):
            zone_id, zone = row.pop("zone_id"), row.pop("zone")
            part = parts.setdefault(zone_id, {"zone_id": zone_id, "zone": zone, "classes": []})
            if row["class"] == NO_DATA and row["class_id"] == self._table.ignore_index:
                part["no_data"] = {"area_m2": row["area_m2"], "pixels": row["pixels"]}
            else:
                part["classes"].append(row)
        raster = parts.pop("")
        if self._zones is not None:
            for part, is_inside in zip(parts.values(), self._zones.is_inside.tolist(), strict=True):
                part["is_inside"] = is_inside
        content = {"classes": raster["classes"], "no_data": raster["no_data"]}
        write_json({"size": list(self._size), "raster": content, "zones": list(parts.values())}, path)


def _no_sums(count: int) -> PixelSums:
    return PixelSums(np.zeros((count, _OUTSIDE + 1), np.int64), np.zeros((count, _OUTSIDE + 1)))
