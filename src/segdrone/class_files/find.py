"""Find the class table that lies beside the data."""

from __future__ import annotations

from pathlib import Path

from segdrone.class_files.read import read_class_table
from segdrone.classes import ClassTable, generate_colors
from segdrone.errors import DataError

CLASSES_FILE = "classes.csv"
"""The name that `segdrone data import` writes; it takes precedence."""

_STEMS = (
    "classes", "_classes", "class_dict", "class_dict_seg", "class_table", "class_names", "class_colors", "classes_dict",
    "label_class_dict", "labelmap", "label_map", "label_colors", "label_colours", "labels_colors", "color_map",
    "colormap", "colour_map", "legend", "palette",
)  # fmt: skip
_SUFFIXES = (".csv", ".tsv", ".txt", ".json")


def find_class_table(folder: str | Path) -> Path | None:
    """Returns the class table in a folder, or None; of several one with colors.

    Raises:
        DataError: There are several, none is `classes.csv`, and they name other classes, another order or other ids,
            or exchange colors.

    Example:
        >>> find_class_table("datasets/mine")  # doctest: +SKIP
        PosixPath('datasets/mine/classes.csv')
    """
    folder = Path(folder)
    if not folder.is_dir():
        return None
    found = sorted(
        (path for path in folder.iterdir() if is_table_name(path) and path.is_file()),
        key=lambda path: (path.name.lower() != CLASSES_FILE, path.name),
    )
    if len(found) < 2 or found[0].name.lower() == CLASSES_FILE:
        return found[0] if found else None
    tables = {path: read_class_table(path) for path in found}
    ids = {path: (table.names, table.mask_values, table.ignored_values) for path, table in tables.items()}
    other = [path for path in found if ids[path] != ids[found[0]]]
    if other:
        what = "other classes" if tables[other[0]].names != tables[found[0]].names else "the same classes by other ids"
        raise DataError(
            f"{found[0]} and {other[0].name} name {what}: say which one the masks are written for with "
            f"data.classes={found[0]}"
        )
    chosen = next((path for path in found if tables[path].colours != generate_colors(len(tables[path]))), found[0])
    if exchanged := [path for path in found if _exchanges_colors(tables[chosen], tables[path])]:
        raise DataError(
            f"{chosen} and {exchanged[0].name} give the same colors to other classes: say which one the masks are "
            f"written for with data.classes={chosen}"
        )
    return chosen


def _exchanges_colors(first: ClassTable, second: ClassTable) -> bool:
    pairs = {*zip(first.colours, first.names, strict=True)}
    own = zip(second.colours, second.names, strict=True)
    return any(color in first.colours and (color, name) not in pairs for color, name in own)


def is_table_name(path: Path) -> bool:
    """Whether a file is named as class tables are."""
    return path.stem.lower() in _STEMS and path.suffix.lower() in _SUFFIXES
