"""The classes of an import: a given table, or one made from the names in the annotations."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from segdrone.annotations.shapes import Shape
from segdrone.classes import IGNORE_INDEX, ClassTable, Color
from segdrone.errors import DataError

_GOLDEN = 0.618034  # of the circle of hues: each next hue falls into the widest gap
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def class_table(
    shapes: Iterable[Shape], colours: Mapping[str, Color], classes: str | None, background: str | None
) -> ClassTable:
    """Returns the table named `classes`, or one of the labels of `shapes` in alphabetical order.

    A table that is made gets `background`, if no shape has it, as id 0 in black, and for each label
    the tool's colour, or one of its own where the tool has none or gives it twice.

    Raises:
        DataError: The table cannot be read or lacks a label or `background`, or there are more labels
            than a mask can tell apart.
    """
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for shape in shapes:
        counts[shape.label] += 1
        first.setdefault(shape.label, shape.where)
    if classes is None:
        added = [background] if background is not None and background not in counts else []
        return _made([*added, *sorted(counts)], {**dict.fromkeys(added, _BLACK), **colours})
    table = ClassTable.load(classes)
    unknown = [
        f"{name!a} ({n} shapes, first in {first[name]})" for name, n in counts.most_common() if name not in table.names
    ]
    if background is not None and background not in table.names:
        unknown.append(f"{background!a} (the background)")
    if unknown:
        raise DataError(
            f"the class table {classes} lacks {', '.join(unknown)}: add them, rename the labels in the tool, "
            "or leave out --classes to make a table"
        )
    return table


def _made(names: list[str], colours: Mapping[str, Color]) -> ClassTable:
    if not 1 <= len(names) <= IGNORE_INDEX:
        raise DataError(f"the annotations hold {len(names)} labels: a mask can tell 1 to {IGNORE_INDEX} apart")
    chosen: dict[str, Color] = {}
    for name in names:
        if (colour := colours.get(name, _WHITE)) != _WHITE and colour not in chosen.values():
            chosen[name] = colour
    spare = _spread()
    for name in names:
        if name not in chosen:
            chosen[name] = next(colour for colour in spare if colour not in chosen.values())
    return ClassTable(tuple(names), tuple(chosen[name] for name in names))


def _spread() -> Iterator[Color]:
    """Yields colours that are easy to tell apart, without end; neither white, which is "ignored", nor black."""
    i = 0
    while True:
        hue, saturation, value = i * _GOLDEN % 1, (0.9, 0.55, 0.75)[i % 3], (0.95, 0.7, 0.5)[i // 3 % 3]
        red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, saturation, value))
        yield red, green, blue
        i += 1
