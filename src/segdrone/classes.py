"""Define the class table: names, colors and ids of the classes."""

from __future__ import annotations

import csv
import io
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

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


@dataclass(frozen=True)
class ClassTable:
    """Names and colors of the classes; the id of a class is its position in the table.

    Args:
        names: Unique class names, 1 to 255.
        colours: One RGB color per class, each channel 0 to 255.
        ignore_index: Id of pixels without a label, which loss and metrics skip.

    Raises:
        DataError: The table is empty, repeats a name, has a color outside 0 to 255, or `ignore_index` is the id of a
            class.

    Example:
        >>> table = ClassTable(names=("road", "grass"), colours=((128, 64, 128), (0, 102, 0)))
        >>> len(table), table.names.index("grass"), table.ignore_index
        (2, 1, 255)
        >>> table.palette[np.array([[0, 1]])].tolist()
        [[[128, 64, 128], [0, 102, 0]]]
    """

    names: tuple[str, ...]
    colours: tuple[Color, ...]
    ignore_index: int = IGNORE_INDEX

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= 255 or len(self.names) != len(self.colours):
            raise DataError(
                f"a class table needs 1 to 255 names with one color each, not {len(self.names)} "
                f"names and {len(self.colours)} colors"
            )
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if repeated:
            raise DataError(f"the class table names {', '.join(repeated)} twice: rename one of them")
        if any(len(color) != 3 or not all(0 <= value <= 255 for value in color) for color in self.colours):
            raise DataError("a class color needs three values from 0 to 255")
        if not len(self.names) <= self.ignore_index <= 255:
            raise DataError(
                f"the ignored id {self.ignore_index} must be above the last class id "
                f"({len(self.names) - 1}) and at most 255"
            )

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """Color of each mask value: uint8 `[256, 3]`, RGB; the ignored id and unused ids are white."""
        palette = np.full((256, 3), 255, np.uint8)
        palette[: len(self)] = self.colours
        return palette

    def to_dict(self) -> dict[str, Any]:
        """Returns the table as plain str, int and list, for a checkpoint or JSON."""
        return {
            "names": list(self.names),
            "colours": [list(color) for color in self.colours],
            "ignore_index": self.ignore_index,
        }

    def to_csv(self) -> str:
        """Returns the table as CSV text with the columns `name, r, g, b`, one row per class, in the order of the ids.

        Example:
            >>> print(ClassTable(("road", "grass"), ((128, 64, 128), (0, 102, 0))).to_csv(), end="")
            name,r,g,b
            road,128,64,128
            grass,0,102,0
        """
        text = io.StringIO()
        rows = [(name, *color) for name, color in zip(self.names, self.colours, strict=True)]
        csv.writer(text, lineterminator="\n").writerows([("name", "r", "g", "b"), *rows])
        return text.getvalue()

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> ClassTable:
        """Builds the table that `to_dict` wrote."""
        return cls(
            names=tuple(str(name) for name in table["names"]),
            colours=tuple(_color(color) for color in table["colours"]),
            ignore_index=int(table["ignore_index"]),
        )

    @classmethod
    def from_csv(cls, path: str | Path) -> ClassTable:
        """Reads a table with the columns `name, r, g, b` and optionally `id`.

        Kaggle's `class_dict_seg.csv` has this form. Spaces around names and values are dropped. Without an `id`
        column the id of a class is the position of its row.

        Raises:
            DataError: The file is missing or has another form, or its ids are not 0, 1, 2, ...
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
            ids = [int(row.get("id", position)) for position, row in enumerate(rows)]
            entries = [(row["name"], _color((row["r"], row["g"], row["b"]))) for row in rows]
        except (KeyError, ValueError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                f"class table {path} is not a table of name, r, g, b with whole numbers ({error}): fix its header or "
                "rows"
            ) from None
        repeated = sorted(id_ for id_, count in Counter(ids).items() if count > 1)
        if repeated:
            raise DataError(
                f"class table {path} gives id {repeated[0]} to {ids.count(repeated[0])} classes: ids must differ"
            )
        if sorted(ids) != list(range(len(ids))):
            raise DataError(f"class table {path} has ids {sorted(ids)}: they must be 0 to {len(ids) - 1} without a gap")
        entries = [entry for _, entry in sorted(zip(ids, entries, strict=True), key=lambda pair: pair[0])]
        try:
            return cls(names=tuple(name for name, _ in entries), colours=tuple(color for _, color in entries))
        except DataError as error:
            raise DataError(f"class table {path}: {error}") from None

    @classmethod
    def load(cls, source: str | Path) -> ClassTable:
        """Returns the built-in table of this name (`drone`), or reads the CSV file at this path.

        Example:
            >>> ClassTable.load("drone").names[:3]
            ('unlabeled', 'paved-area', 'dirt')
        """
        return BUILT_IN[str(source)] if str(source) in BUILT_IN else cls.from_csv(source)


def _color(values: Any) -> Color:
    red, green, blue = (int(value) for value in values)
    return red, green, blue


# The 23 classes and colors of the TU Graz Semantic Drone Dataset, from Kaggle's class_dict_seg.csv. The 24th row of
# that file, "conflicting", never occurs in the masks.
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
