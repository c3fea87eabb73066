"""Map the ids of one class table to those of another, by the names of the classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from segdrone.class_groups import IGNORED_GROUP, ClassGroups
from segdrone.classes import ClassTable
from segdrone.errors import DataError


class ClassesDifferError(DataError):
    """Two tables name different classes."""


def map_classes(
    table: ClassTable, target: ClassTable, groups: ClassGroups | None = None, *, names: tuple[str, str]
) -> NDArray[np.uint8]:
    """Returns the id in `target` of each id in `table`, by the names of the classes.

    A class that `groups` merges becomes its group, a class of the group `ignored` the ignored id. Every other class
    keeps its name.

    Args:
        table: Classes of the masks.
        target: Classes to map to. It may have further classes.
        groups: The groups by which the classes of `target` were merged, from `load_class_groups`; None if none were.
        names: What the two tables belong to, for the error.

    Returns:
        The new id of each mask value, uint8 `[256]`: `lookup[mask]` is the new mask.

    Raises:
        ClassesDifferError: `target` lacks a class of `table`.

    Example:
        >>> masks = ClassTable(("grass", "road"), ((0, 255, 0), (90, 90, 90)))
        >>> model = ClassTable(("plants", "road", "roof"), ((0, 255, 0), (90, 90, 90), (255, 0, 0)))
        >>> lookup = map_classes(masks, model, {"plants": ["grass", "tree"]}, names=("the masks", "the model"))
        >>> lookup[np.array([0, 1, 255])].tolist()
        [0, 1, 255]
    """
    groups = groups or {}
    merged = set(table.names) == set(target.names)  # a group may have the name of a class of another group
    group_of = {} if merged else {name: group for group, members in groups.items() for name in members}
    lookup, unknown = np.full(256, target.ignore_index, np.uint8), []
    for id_, name in enumerate(table.names):
        new_name = group_of.get(name, name)
        if new_name in target.names:
            lookup[id_] = target.names.index(new_name)
        elif not (name in group_of and new_name == IGNORED_GROUP):
            unknown.append(name)
    if unknown:
        raise ClassesDifferError(_describe(table, target, groups, unknown, names))
    return lookup


def _describe(
    table: ClassTable,
    target: ClassTable,
    groups: Mapping[str, list[str]],
    unknown: list[str],
    names: tuple[str, str],
) -> str:
    known = [*target.names, *(name for members in groups.values() for name in members)]
    spelled = {_plain(name): name for name in known}
    similar = [f"{name} is written {spelled[_plain(name)]} there" for name in unknown if _plain(name) in spelled]
    return (
        f"the classes of {names[0]} are {', '.join(table.names)}, those of {names[1]} are {', '.join(target.names)}: "
        f"the latter lack {', '.join(unknown)}" + (f" ({'; '.join(similar)})" if similar else "")
    )


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
