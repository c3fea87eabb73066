"""The class table of an import: the one that the user gives, or one built from the labels in the annotations."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from segdrone.annotations.shapes import Shape
from segdrone.classes import IGNORE_INDEX, ClassTable, Color
from segdrone.errors import DataError

_GOLDEN_RATIO = 0.618034  # steps by this share of the hue circle, so that each hue falls into the widest gap
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def build_class_table(
    shapes: Iterable[Shape], colors: Mapping[str, Color], classes: str | None, background: str | None
) -> ClassTable:
    """Returns the given class table, or builds one of the labels of `shapes` in alphabetical order.

    A table that is built gets `background` as id 0 in black, unless a shape has that label. Each label gets the tool's
    color, or a generated one if the tool has none or uses it twice.

    Args:
        shapes: All shapes of the import.
        colors: The tool's colors by label.
        classes: `drone` or the path of a class table; None builds one.
        background: Class of pixels that no shape covers; None leaves them ignored.

    Raises:
        DataError: The table cannot be read or lacks a label or `background`, or there are more labels than a mask can
            store.

    Example:
        >>> shapes = [Shape("tree", "a.json"), Shape("road", "a.json")]
        >>> build_class_table(shapes, {}, classes=None, background="soil").names
        ('soil', 'road', 'tree')
    """
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for shape in shapes:
        counts[shape.label] += 1
        first.setdefault(shape.label, shape.where)
    if classes is None:
        added = [background] if background is not None and background not in counts else []
        return _table_of_labels([*added, *sorted(counts)], {**dict.fromkeys(added, _BLACK), **colors})
    table = ClassTable.load(classes)
    unknown = [
        f"{name!a} ({n} shapes, first in {first[name]})" for name, n in counts.most_common() if name not in table.names
    ]
    if background is not None and background not in table.names:
        unknown.append(f"{background!a} (the background)")
    if unknown:
        raise DataError(
            f"the class table {classes} lacks {', '.join(unknown)}: add them, rename the labels in the tool, "
            "or leave out --classes to build a table"
        )
    return table


def _table_of_labels(names: list[str], colors: Mapping[str, Color]) -> ClassTable:
    if not 1 <= len(names) <= IGNORE_INDEX:
        raise DataError(f"the annotations have {len(names)} labels: a mask can store 1 to {IGNORE_INDEX}")
    chosen: dict[str, Color] = {}
    for name in names:
        if (color := colors.get(name, _WHITE)) != _WHITE and color not in chosen.values():
            chosen[name] = color
    generated = _generate_colors()
    for name in names:
        if name not in chosen:
            chosen[name] = next(color for color in generated if color not in chosen.values())
    return ClassTable(tuple(names), tuple(chosen[name] for name in names))


def _generate_colors() -> Iterator[Color]:
    """Yields distinct colors without end; neither white, which means "ignored", nor black."""
    i = 0
    while True:
        hue, saturation, value = i * _GOLDEN_RATIO % 1, (0.9, 0.55, 0.75)[i % 3], (0.95, 0.7, 0.5)[i // 3 % 3]
        red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, saturation, value))
        yield red, green, blue
        i += 1
