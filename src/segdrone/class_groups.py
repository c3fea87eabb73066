"""Merge the classes of a table into fewer, or leave some out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from segdrone.classes import ClassTable
from segdrone.errors import DataError

IGNORED_GROUP = "ignored"
"""The group whose classes become the ignored id: neither learnt nor scored."""

_PRESETS = {path.name.removesuffix(".yaml"): path for path in (files("segdrone") / "class_group_presets").iterdir()}

ClassGroups = Mapping[str, list[str]]


def load_class_groups(source: str | Path | Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns groups of class names by the name of the group.

    Args:
        source: A preset (`drone12`, `landing_zone`), the path of a YAML file `group: [class, ...]`, or
            such a mapping itself.

    Raises:
        DataError: There is no such file, or it is no mapping of names to lists of names.
    """
    where = "data.class_groups" if isinstance(source, Mapping) else str(source)
    content: Any = source
    if not isinstance(source, Mapping):
        if str(source) not in _PRESETS and not Path(source).is_file():
            raise DataError(
                f"data.class_groups={source} is neither one of {', '.join(sorted(_PRESETS))} nor a YAML file: "
                "mend the name or the path"
            )
        try:
            text = (_PRESETS.get(str(source)) or Path(source)).read_text(encoding="utf-8")
            content = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
        except (OmegaConfBaseException, YAMLError, ValueError) as error:
            raise DataError(f"{where} cannot be read ({' '.join(str(error).split())}): mend the YAML") from None
    if not isinstance(content, Mapping) or not all(isinstance(names, list | tuple) for names in content.values()):
        raise DataError(f"{where} must give lists of classes, one group a line: `GROUP: [CLASS, CLASS]`")
    return {str(group): [str(name) for name in names] for group, names in content.items()}


def remap(table: ClassTable, groups: ClassGroups) -> tuple[ClassTable, NDArray[np.uint8]]:
    """Returns the table of the groups, and the new id of each old mask value.

    The groups come first, each in the colour of its first class; classes that no group names follow
    as they are. Those of the group `ignored` become the ignored id.

    Returns:
        The merged table, and uint8 `[256]`: `lookup[mask]` is the merged mask.

    Raises:
        DataError: A class is unknown or stands in two groups, a group is empty, or none is left.
    """
    named = [name for names in groups.values() for name in names]
    unknown = [name for name in named if name not in table.names]
    if unknown:
        raise DataError(
            f"data.class_groups names {', '.join(unknown)}, not in the class table ({', '.join(table.names)}): "
            "mend the name"
        )
    doubled = sorted({name for name in named if named.count(name) > 1})
    if doubled:
        raise DataError(f"data.class_groups names {', '.join(doubled)} twice: a class belongs to one group")
    empty = [group for group, names in groups.items() if not names and group != IGNORED_GROUP]
    if empty:
        raise DataError(f"data.class_groups: {', '.join(empty)} has no classes: give it some or remove it")
    kept = {group: list(names) for group, names in groups.items() if group != IGNORED_GROUP}
    kept |= {name: [name] for name in table.names if name not in named}
    if len({*kept}) < len(groups.keys() - {IGNORED_GROUP}) + len(table) - len(named):
        shared = sorted(groups.keys() & {name for name in table.names if name not in named})
        raise DataError(f"data.class_groups: group {', '.join(shared)} has the name of a class that it leaves out")
    if not kept:
        raise DataError("data.class_groups ignores every class: keep one to learn")
    lookup = np.full(256, table.ignore_index, np.uint8)
    for new, names in enumerate(kept.values()):
        lookup[[table.names.index(name) for name in names]] = new
    colours = tuple(table.colours[table.names.index(names[0])] for names in kept.values())
    return ClassTable(tuple(kept), colours, table.ignore_index), lookup
