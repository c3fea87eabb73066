"""Merge the classes of a table into groups, or ignore some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import MAX_NAME, ClassTable
from segdrone.errors import DataError
from segdrone.utils.bounded import UnreadableError, parse_yaml, read_yaml

IGNORED_GROUP = "ignored"
"""The group whose classes become the ignored id: they are neither learned nor scored."""

_IGNORED = ("ignored", "ignore")

_PRESETS = {path.name.removesuffix(".yaml"): path for path in (files("segdrone") / "class_group_presets").iterdir()}

_SHOWN = 10  # names in a message

ClassGroups = Mapping[str, list[str]]
"""Class names by the name of their group."""


def load_class_groups(source: str | Path | Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the class names of each group.

    Args:
        source: A preset (`drone12`, `landing_zone`), the path of a YAML file `GROUP: [CLASS, ...]`, or such a mapping.

    Raises:
        DataError: The file does not exist, does not map names to lists of names, has a very long name, or
            calls the group `ignored` otherwise.

    Example:
        >>> load_class_groups("landing_zone")["landing-zone"]
        ['paved-area', 'dirt', 'grass', 'gravel']
    """
    where = "data.class_groups" if isinstance(source, Mapping) else str(source)
    content = source if isinstance(source, Mapping) else _read_yaml(source)
    if not isinstance(content, Mapping) or not all(isinstance(names, list | tuple) for names in content.values()):
        raise DataError(f"{where} must give lists of classes, one group per line: `GROUP: [CLASS, CLASS]`")
    groups = {str(group): [str(name) for name in names] for group, names in content.items()}
    if any(isinstance(name, bool | None) for group, names in content.items() for name in (group, *names)):
        raise DataError(f"{where} holds a name that YAML takes for true, false or null: put yes, no, ... into quotes")
    if len(groups) < len(content):
        raise DataError(f"{where} has a group twice, with and without quotes: give its classes in one list")
    if called := [name for name in groups if name != IGNORED_GROUP and name.strip("_ ").casefold() in _IGNORED]:
        raise DataError(f"{where}: the group of the classes that are left out is called ignored, not {called[0]}")
    if any(len(name) > MAX_NAME for group, names in groups.items() for name in (group, *names)):
        raise DataError(f"{where} holds a name of more than {MAX_NAME} characters: shorten it")
    return groups


def remap(table: ClassTable, groups: ClassGroups) -> tuple[ClassTable, NDArray[np.uint8]]:
    """Merges the classes of a table into groups.

    The groups come first, each in the color of its first class. Classes that are in no group follow unchanged. Those
    of the group `ignored` become the ignored id. A group is a thing class if all its classes are.

    Args:
        table: The classes of the masks.
        groups: Class names by group, from `load_class_groups`.

    Returns:
        The table of the groups, and the new id of each old mask value, uint8 `[256]`: `lookup[mask]` is the new mask.

    Raises:
        DataError: A class is unknown or in two groups, a group is empty, or every class is ignored.

    Example:
        >>> table = ClassTable(("road", "grass", "tree", "car"), ((0, 0, 0), (0, 9, 0), (0, 5, 0), (9, 0, 0)))
        >>> merged, lookup = remap(table, {"plants": ["grass", "tree"], "ignored": ["car"]})
        >>> merged.names, lookup[np.array([0, 1, 2, 3])].tolist()
        (('plants', 'road'), [1, 0, 0, 255])
    """
    _check_names(table, groups)
    grouped = {name for names in groups.values() for name in names}
    merged = {group: list(names) for group, names in groups.items() if group != IGNORED_GROUP}
    merged |= {name: [name] for name in table.names if name not in grouped}
    if not merged:
        raise DataError("data.class_groups ignores every class: keep at least one")
    lookup = np.full(256, table.ignore_index, np.uint8)
    for new_id, names in enumerate(merged.values()):
        lookup[[table.names.index(name) for name in names]] = new_id
    colors = tuple(table.colours[table.names.index(names[0])] for names in merged.values())
    known = table.things
    things = None if known is None else tuple(new for new, names in merged.items() if {*names} <= {*known})
    return ClassTable(tuple(merged), colors, table.ignore_index, things=things), lookup


def _read_yaml(source: str | Path) -> Any:
    preset = _PRESETS.get(str(source))
    if preset is None and not Path(source).is_file():
        raise DataError(
            f"data.class_groups={source} is neither one of {', '.join(sorted(_PRESETS))} nor a YAML file: "
            "fix the name or the path"
        )
    try:
        return read_yaml(Path(source)) if preset is None else parse_yaml(preset.read_text(encoding="utf-8"))
    except UnreadableError as error:
        raise DataError(f"{source} cannot be read ({error}): fix the YAML") from None


def _check_names(table: ClassTable, groups: ClassGroups) -> None:
    named = [name for names in groups.values() for name in names]
    unknown = [name for name in named if name not in table.names]
    if unknown:
        raise DataError(
            f"data.class_groups names {', '.join(unknown[:_SHOWN])}, not in the class table "
            f"({', '.join(table.names)}): fix the name"
        )
    repeated = sorted(name for name, count in Counter(named).items() if count > 1)
    if repeated:
        raise DataError(f"data.class_groups names {', '.join(repeated[:_SHOWN])} twice: a class belongs to one group")
    empty = [group for group, names in groups.items() if not names and group != IGNORED_GROUP]
    if empty:
        raise DataError(f"data.class_groups: {', '.join(empty)} has no classes: add some or remove it")
    ungrouped = {name for name in table.names if name not in named}
    clashing = sorted((groups.keys() - {IGNORED_GROUP}) & ungrouped)
    if clashing:
        raise DataError(f"data.class_groups: group {', '.join(clashing)} has the name of a class that it leaves out")
