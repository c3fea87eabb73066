"""The classes of labels: what the values of an attribute, or the pixels of a mask, mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from segdrone.class_files import load_class_table
from segdrone.classes import IGNORE_INDEX, ClassTable, fold_name, generate_colors, is_class_name
from segdrone.errors import DataError, shorten_list
from segdrone.utils.bounded import UnreadableError, read_xml

IGNORED_ID = 254
"""Id of pixels that a label says to ignore, while labels are drawn; those without a label have 255."""

MAX_CLASSES = IGNORED_ID

_IGNORED = ("ignored", "ignore", "__ignore__")  # as in class tables
_SHOWN = 12  # values in a message


def load_classes(classes: str | Mapping[str, object] | None) -> ClassTable | None:
    """Returns the class table that the user gives; None if the labels are to name the classes.

    Raises:
        DataError: It cannot be read, or has more than 254 classes.
    """
    if classes is None:
        return None
    table = ClassTable.from_dict(classes) if isinstance(classes, Mapping) else load_class_table(classes)
    if len(table) > MAX_CLASSES:
        raise DataError(f"data.classes={classes} has {len(table)} classes, masks hold {MAX_CLASSES}: leave some out")
    return table


def table_of_values(counts: Counter[str], where: str) -> ClassTable:
    """Returns the table of all values of an attribute, in alphabetical order.

    Raises:
        DataError: There are none, or more than 254, or one cannot be the name of a class.
    """
    names = sorted(value for value in counts if value and value.lower() not in _IGNORED)
    if not names:
        raise DataError(f"{where} has no value: choose the attribute that names the classes")
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"{where} has {len(names)} different values, masks hold {MAX_CLASSES} classes: choose the attribute that "
            "names the classes, or give those to learn with data.classes=FILE.csv"
        )
    if bad := [name for name in names if not is_class_name(name)]:
        raise DataError(f"{where} has the value {bad[0]!a}, which cannot be the name of a class: rename it")
    return ClassTable(tuple(names), generate_colors(len(names)))


def ids_of_values(counts: Counter[str], table: ClassTable, where: str) -> dict[str, int]:
    """Returns the id of each value: by the name of a class, or by the value that it has in masks.

    Args:
        counts: Number of polygons by value.
        table: The classes.
        where: The attribute and its file, for errors.

    Raises:
        DataError: Values are no classes of the table.

    Example:
        >>> table = ClassTable(("road", "roof"), ((90, 90, 90), (255, 0, 0)), mask_values=(7, 11))
        >>> ids_of_values(Counter(["roof", "7", "ignored"]), table, "kind of a.gpkg")
        {'roof': 1, '7': 0, 'ignored': 254}
    """
    of_values = {str(value): id_ for id_, value in enumerate(table.stored_values)}
    ignored = {str(value) for value in (*table.ignored_values, table.ignore_index)}
    ids: dict[str, int] = {}
    unknown = []
    for value, count in counts.most_common():
        if value in table.names:
            ids[value] = table.names.index(value)
        elif value in of_values:  # before what is ignored: 255 may be a class
            ids[value] = of_values[value]
        elif value.lower() in _IGNORED or value in ignored:
            ids[value] = IGNORED_ID
        elif value:
            unknown.append(f"{value!a} ({count}{_alike(value, table)})")
    if unknown:
        raise DataError(
            f"{where} has values that are neither names nor ids of the class table ({_names(table)}): "
            f"{shorten_list(unknown, _SHOWN)}: rename them, or add them to data.classes; rows named ignored are "
            "left out"
        )
    return ids


def lookup_of_mask(table: ClassTable) -> dict[int, int]:
    """Returns the id of each value that a mask may hold; 255 is no label, so that another file may have one there."""
    ignored = {table.ignore_index: IGNORE_INDEX} | dict.fromkeys(table.ignored_values, IGNORED_ID)
    return ignored | {value: id_ for id_, value in enumerate(table.stored_values)}


def refuse_unknown(unknown: Counter[int], table: ClassTable, where: str) -> None:
    """Raises DataError if a mask has pixels of values that are no class."""
    if not unknown:
        return
    listed = shorten_list(unknown.most_common(), _SHOWN, lambda item: f"{item[0]} ({item[1]} pixels)")
    raise DataError(
        f"{where} has values that are no id of the class table ({_names(table)}): {listed}: give the table that "
        "it was written for with data.classes=FILE.csv"
    )


def category_names(raster: Path) -> dict[int, str]:
    """Returns the names of values that GDAL keeps beside a raster, in `FILE.aux.xml`; none if there are none.

    Raises:
        DataError: The file is no XML.
    """
    file = raster.with_name(f"{raster.name}.aux.xml")
    if not file.is_file():
        return {}
    try:
        root: Element = read_xml(file)
    except UnreadableError as error:
        raise DataError(f"{file} cannot be read ({error}): restore it, or remove it") from None
    names = root.findall("./PAMRasterBand[@band='1']/CategoryNames/Category")
    return {value: (node.text or "").strip() for value, node in enumerate(names) if (node.text or "").strip()}


def compare_names(categories: Mapping[int, str], table: ClassTable, where: str) -> None:
    """Raises DataError if a file calls a value otherwise than the class table does."""
    names = dict(zip(table.stored_values, table.names, strict=True))
    other = [
        value for value, name in categories.items() if value in names and fold_name(names[value]) != fold_name(name)
    ]
    if other:
        listed = ", ".join(f"{value} {categories[value]!a} instead of {names[value]!a}" for value in other[:3])
        raise DataError(
            f"{where} names its values otherwise than the class table ({listed}): give the table that it was written "
            "for with data.classes=FILE.csv"
        )


def table_of_categories(categories: Mapping[int, str]) -> ClassTable:
    """Returns the table of the names that a file gives to its values."""
    kept = {v: name for v, name in sorted(categories.items()) if name.lower() not in _IGNORED and v != IGNORE_INDEX}
    ignored = tuple(value for value in categories if value not in kept and value != IGNORE_INDEX)
    return ClassTable(tuple(kept.values()), generate_colors(len(kept)), mask_values=tuple(kept), ignored_values=ignored)


def _alike(value: str, table: ClassTable) -> str:
    alike = [name for name in table.names if fold_name(name) == fold_name(value)]
    return f"; the table has {alike[0]!a}" if alike else ""


def _names(table: ClassTable) -> str:
    return shorten_list(table.names, 8)
