"""Count what corrections change in the mask of a photograph, and list it as a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.raster.pixels import joint_histogram
from segdrone.utils.atomic import atomic_write

COLUMNS = ("photograph", "class", "before", "after", "gained", "lost", "gained_from", "lost_to", "by")


@dataclass(frozen=True)
class Change:
    """What corrections made of a photograph.

    Attributes:
        name: Its id in the dataset.
        by: Who made them, as far as it is known.
        where: The annotations, by file and place.
        mask: The mask, relative to the dataset.
        pixels: Number of pixels by earlier and new id, int64 `[256, 256]`.
        is_new: Whether it had no mask.
        instances: Its instance map, relative to the dataset, if that changes; None if it does not.
    """

    name: str
    by: Sequence[str]
    where: Sequence[str]
    mask: Path
    pixels: NDArray[np.int64]
    is_new: bool = False
    instances: Path | None = None

    @property
    def changed_pixels(self) -> int:
        """Number of pixels that get another id."""
        return int(self.pixels.sum() - self.pixels.trace())

    @property
    def changes_mask(self) -> bool:
        """Whether the mask is written."""
        return self.is_new or self.changed_pixels > 0

    @property
    def is_change(self) -> bool:
        """Whether any file is written."""
        return self.changes_mask or self.instances is not None


def count_changes(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Returns the number of pixels by earlier and new id, int64 `[256, 256]`, of masks, uint8 `[H, W]`."""
    return joint_histogram(before, after)


def total(changes: Iterable[Change]) -> NDArray[np.int64]:
    """Returns the sum of the pixels of photographs, int64 `[256, 256]`."""
    return sum((change.pixels for change in changes), start=np.zeros((256, 256), np.int64))


def class_rows(pixels: NDArray[np.int64], table: ClassTable) -> Iterator[dict[str, Any]]:
    """Yields a row of `COLUMNS` for each class, and for ignored pixels, that gains or loses some.

    Args:
        pixels: Number of pixels by earlier and new id, int64 `[256, 256]`.
        table: The classes.

    Example:
        >>> table = ClassTable(("road", "grass"), ((90, 90, 90), (0, 200, 0)))
        >>> before, after = np.array([[[0, 0, 1]], [[0, 1, 1]]], np.uint8)
        >>> for row in class_rows(count_changes(before, after), table):
        ...     print(row["class"], row["before"], row["after"], row["gained_from"] or "-", row["lost_to"] or "-")
        road 2 1 - grass 1
        grass 1 2 road 1 -
    """
    names = {**dict(enumerate(table.names)), table.ignore_index: "ignored"}
    moved = pixels.copy()
    np.fill_diagonal(moved, 0)
    for i, name in names.items():
        gained, lost = moved[:, i], moved[i]
        if gained.any() or lost.any():
            yield {
                "class": name,
                "before": int(pixels[i].sum()),
                "after": int(pixels[:, i].sum()),
                "gained": int(gained.sum()),
                "lost": int(lost.sum()),
                "gained_from": _listed(gained, names),
                "lost_to": _listed(lost, names),
            }


def write_changes(changes: Iterable[Change], table: ClassTable, path: Path) -> None:
    """Writes a row for each photograph and class that gains or loses pixels, as CSV with `COLUMNS`.

    Raises:
        OSError: The file cannot be written.
    """
    with (
        atomic_write(path, sync=False) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for change in changes:
            people = "; ".join(change.by)
            writer.writerows(
                {"photograph": change.name, **row, "by": people} for row in class_rows(change.pixels, table)
            )


def _listed(counts: NDArray[np.int64], names: Mapping[int, str]) -> str:
    """Returns classes with their pixels, most first, such as `road 120; grass 30`."""
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    return "; ".join(f"{names[i]} {counts[i]}" for i in order)
