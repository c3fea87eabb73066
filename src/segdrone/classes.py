"""The class table: one object for data, loss, metrics and pictures."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError

IGNORE_INDEX = 255

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class ClassTable:
    """Names and colours of the classes; a class's id is its place in the table.

    Args:
        names: Unique class names, at most 255.
        colours: One RGB colour per class, each channel 0 to 255.
        ignore_index: The id in a mask that stands for "not labelled": loss and metrics skip it.

    Raises:
        DataError: The table is empty, names a class twice, holds a colour outside 0 to 255, or
            `ignore_index` is the id of a class.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    ignore_index: int = IGNORE_INDEX

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= 255 or len(self.names) != len(self.colours):
            raise DataError(
                f"a class table needs 1 to 255 names with one colour each, not {len(self.names)} "
                f"names and {len(self.colours)} colours"
            )
        doubled = [name for name, n in Counter(self.names).items() if n > 1]
        if doubled:
            raise DataError(f"the class table names {', '.join(doubled)} twice: rename one of them")
        if any(len(c) != 3 or not all(0 <= v <= 255 for v in c) for c in self.colours):
            raise DataError("a class colour needs three values from 0 to 255")
        if not len(self.names) <= self.ignore_index <= 255:
            raise DataError(
                f"the ignored id {self.ignore_index} must lie above the last class id "
                f"({len(self.names) - 1}) and be at most 255"
            )

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """Colours by mask value: uint8 `[256, 3]`, RGB; the ignored id and unused ids are white."""
        palette = np.full((256, 3), 255, np.uint8)
        palette[: len(self)] = self.colours
        return palette

    def to_dict(self) -> dict[str, Any]:
        """Returns the table as plain str, int and list, fit for a checkpoint."""
        return {
            "names": list(self.names),
            "colours": [list(colour) for colour in self.colours],
            "ignore_index": self.ignore_index,
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> ClassTable:
        """Builds the table that `to_dict` wrote."""
        return cls(
            names=tuple(str(name) for name in table["names"]),
            colours=tuple(_colour(colour) for colour in table["colours"]),
            ignore_index=int(table["ignore_index"]),
        )

    @classmethod
    def from_csv(cls, path: str | Path) -> ClassTable:
        """Reads a table with the columns `name, r, g, b` and, if wanted, `id`.

        Kaggle's `class_dict_seg.csv` is such a file; spaces around names and values are dropped.
        Without an `id` column a row's place is its id.

        Raises:
            DataError: The file is missing or not such a table, or its ids are not 0, 1, 2, ...
        """
        path = Path(path)
        if not path.is_file():
            raise DataError(f"class table {path} does not exist: give data.classes=drone or the path of a CSV file")
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = [
                    {(key or "").strip().lower(): (value or "").strip() for key, value in row.items() if key}
                    for row in csv.DictReader(file, skipinitialspace=True)
                ]
            ids = [int(row.get("id", place)) for place, row in enumerate(rows)]
            entries = [(row["name"], _colour((row["r"], row["g"], row["b"]))) for row in rows]
        except (KeyError, ValueError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                f"class table {path} is no table of name, r, g, b with whole numbers ({error}): mend header or rows"
            ) from None
        doubled = sorted(i for i, n in Counter(ids).items() if n > 1)
        if doubled:
            raise DataError(
                f"class table {path} gives id {doubled[0]} to {ids.count(doubled[0])} classes: ids must differ"
            )
        if sorted(ids) != list(range(len(ids))):
            raise DataError(f"class table {path} has ids {sorted(ids)}: they must be 0 to {len(ids) - 1} without a gap")
        entries = [entry for _, entry in sorted(zip(ids, entries, strict=True), key=lambda pair: pair[0])]
        try:
            return cls(names=tuple(name for name, _ in entries), colours=tuple(colour for _, colour in entries))
        except DataError as error:
            raise DataError(f"class table {path}: {error}") from None

    @classmethod
    def load(cls, source: str | Path) -> ClassTable:
        """Returns the built-in table named `source` (`drone`), or reads the CSV file at that path."""
        return BUILT_IN[str(source)] if str(source) in BUILT_IN else cls.from_csv(source)


def _colour(values: Any) -> Colour:
    red, green, blue = (int(value) for value in values)
    return red, green, blue


# The 23 classes and colours of the TU Graz Semantic Drone Dataset, as Kaggle's class_dict_seg.csv
# gives them; its 24th row, "conflicting", never occurs in the masks.
DRONE = ClassTable(
    names=(
        "unlabeled", "paved-area", "dirt", "grass", "gravel", "water", "rocks", "pool",
        "vegetation", "roof", "wall", "window", "door", "fence", "fence-pole", "person",
        "dog", "car", "bicycle", "tree", "bald-tree", "ar-marker", "obstacle",
    ),
    colours=(
        (0, 0, 0), (128, 64, 128), (130, 76, 0), (0, 102, 0), (112, 103, 87), (28, 42, 168),
        (48, 41, 30), (0, 50, 89), (107, 142, 35), (70, 70, 70), (102, 102, 156), (254, 228, 12),
        (254, 148, 12), (190, 153, 153), (153, 153, 153), (255, 22, 96), (102, 51, 0),
        (9, 143, 150), (119, 11, 32), (51, 51, 0), (190, 250, 190), (112, 150, 146), (2, 135, 115),
    ),
)  # fmt: skip

BUILT_IN = {"drone": DRONE}
