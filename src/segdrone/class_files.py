"""Find and read class-table files."""

from __future__ import annotations

from pathlib import Path

from segdrone.classes import ClassTable

TABLE_NAMES = ("classes.csv", "class_dict_seg.csv", "class_dict.csv")


def find_class_table(folder: Path) -> Path | None:
    """Returns the class table in a folder, or None."""
    return next((folder / name for name in TABLE_NAMES if (folder / name).is_file()), None)


def read_class_table(path: Path) -> ClassTable:
    """Reads a class table.

    Raises:
        DataError: The file is not a class table.
    """
    return ClassTable.from_csv(path)
