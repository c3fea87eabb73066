"""The class table of an import: the one that the user gives, or one built from the labels in the annotations."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from segdrone.annotations.shapes import Shape, is_ignored
from segdrone.class_files import CLASSES_FILE, load_class_table, read_class_table
from segdrone.classes import IGNORE_INDEX, ClassTable, Color, fold_name, generate_colors
from segdrone.errors import DataError

log = logging.getLogger(__name__)

_BACKGROUND = ("background", "bg")
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def build_class_table(
    shapes: Iterable[Shape],
    declared: Iterable[str],
    colors: Mapping[str, Color],
    classes: str | None,
    background: str | None,
    things: Mapping[str, bool] = MappingProxyType({}),
) -> ClassTable:
    """Returns the given class table, or builds one of all labels in alphabetical order.

    A table that is built has the labels that the tool declares, whether a shape has them or not, so that parts of one
    project get the same table. It gets `background` as id 0 in black, unless it is one of the labels. Each label gets
    the tool's color, or a generated one if the tool has none or uses it twice. Ignored labels are no classes. It says
    what things are if the tool says it of each label, and of one that it is a thing.

    Args:
        shapes: All shapes of the import.
        declared: Labels that the tool declares.
        colors: The tool's colors by label.
        classes: `drone` or the path of a class table; None builds one.
        background: Class of pixels that no shape covers; None leaves them ignored.
        things: Whether the things of a label are counted one by one, for the labels of which the tool says it.

    Raises:
        DataError: The table cannot be read or lacks the label of a shape or `background`, or there are more labels
            than a mask can store.

    Example:
        >>> shapes = [Shape("tree", "a.json"), Shape("road", "a.json")]
        >>> build_class_table(shapes, ["car"], {}, classes=None, background="soil").names
        ('soil', 'car', 'road', 'tree')
    """
    counts, first = _count_labels(shapes)
    if classes is None:
        labels = {label for label in (*counts, *declared) if not is_ignored(label)}
        added = [background] if background is not None and background not in labels else []
        _warn_of_spellings([*added, *labels], counts)
        if background is None:
            _warn_of_background(labels, counts)
        table = _table_of_labels([*added, *sorted(labels)], {**dict.fromkeys(added, _BLACK), **colors})
        if labels <= things.keys() and any(things.values()):  # Datumaro cannot say it, and writes that nothing is one
            table = replace(table, things=tuple(name for name in table.names if things.get(name)))
        _check_can_be_read_back(table)
        return table
    table = load_class_table(classes).dense
    if unknown := _missing_labels(table, counts, first, background):
        raise DataError(
            f"the class table {classes} lacks {', '.join(unknown)}: add them, rename the labels in the tool, "
            "or leave out --classes to build a table"
        )
    return table


def check_labels(shapes: Iterable[Shape], table: ClassTable, owner: str, background: str | None) -> None:
    """Checks that a dataset has the classes of all shapes.

    Args:
        shapes: The shapes.
        table: Classes of the dataset.
        owner: What the classes are those of, for the error.
        background: Class of pixels that no shape covers, if they have one.

    Raises:
        DataError: It lacks some.
    """
    if unknown := _missing_labels(table, *_count_labels(shapes), background):
        raise DataError(
            f"the classes of {owner} ({', '.join(table.names)}) lack {', '.join(unknown)}: rename the labels in the "
            "tool, or add a class at the end of the class table"
        )


def _count_labels(shapes: Iterable[Shape]) -> tuple[Counter[str], dict[str, str]]:
    """Returns the number of shapes by label, and where the first of them is."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for shape in shapes:
        if not is_ignored(shape.label):
            counts[shape.label] += 1
            first.setdefault(shape.label, shape.where)
    return counts, first


def _missing_labels(
    table: ClassTable, counts: Counter[str], first: Mapping[str, str], background: str | None
) -> list[str]:
    """Returns the labels that a table lacks, each with how often and where it occurs, and how it may be meant."""
    alike = {fold_name(name): name for name in table.names}
    unknown = [
        f"{name!a} ({n} shapes, first in {first[name]}"
        + (f"; the table has {alike[fold_name(name)]!a})" if fold_name(name) in alike else ")")
        for name, n in counts.most_common()
        if name not in table.names
    ]
    if background is not None and background not in table.names:
        unknown.append(f"{background!a} (the background)")
    return unknown


def _check_can_be_read_back(table: ClassTable) -> None:
    """Checks that the table as a file is read with the same names and ids.

    Raises:
        DataError: It is not.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, CLASSES_FILE)
        path.write_text(table.to_csv(), encoding="utf-8")
        try:
            names = read_class_table(path).names
        except DataError:
            names = ()
    if names != table.names:
        lost = next((name for name in table.names if name not in names), table.names[0])
        raise DataError(f"the label {lost!a} cannot be the name of a class in {CLASSES_FILE}: rename it in the tool")


def _warn_of_spellings(labels: Iterable[str], counts: Counter[str]) -> None:
    """Warns of labels that are probably meant to be one class."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        alike[fold_name(label)].append(label)
    groups = [
        " and ".join(f"{label!a} ({counts[label]} shapes)" for label in group)
        for group in alike.values()
        if len(group) > 1
    ]
    if groups:
        log.warning(
            "labels that differ only in case, spaces or hyphens become classes of their own: %s; rename them in the "
            "tool and import again, or merge them in training with data.class_groups",
            "; ".join(groups),
        )


def _warn_of_background(labels: Iterable[str], counts: Counter[str]) -> None:
    """Warns of a class of the background that no shape has: it is probably what no shape covers."""
    unused = [label for label in labels if not counts[label] and fold_name(label) in _BACKGROUND]
    if unused:
        log.warning(
            "the class %a has no shape, and pixels that no shape covers are ignored: give --background %a if they are "
            "of that class",
            unused[0],
            unused[0],
        )


def _table_of_labels(names: list[str], colors: Mapping[str, Color]) -> ClassTable:
    if not 1 <= len(names) <= IGNORE_INDEX:
        raise DataError(
            f"the annotations have {len(names)} labels: a mask can store 1 to {IGNORE_INDEX}; "
            "give the classes to learn with --classes FILE"
        )
    chosen: dict[str, Color] = {}
    for name in names:
        if (color := colors.get(name, _WHITE)) != _WHITE and color not in chosen.values():
            chosen[name] = color
    generated = iter(generate_colors(2 * len(names)))
    for name in names:
        if name not in chosen:
            chosen[name] = next(color for color in generated if color not in chosen.values())
    return ClassTable(tuple(names), tuple(chosen[name] for name in names))
