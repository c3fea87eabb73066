"""Define the class table: names, colors and ids of the classes."""

from __future__ import annotations

import colorsys
import csv
import io
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.utils.bounded import UnreadableError, validate

IGNORE_INDEX = 255
MAX_NAME = 200
"""Characters of the longest name of a class."""

_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, format, surrogates, ends of lines and paragraphs
_JOINERS = "\u200c\u200d"  # format characters that names in Persian, Hindi and other scripts need
_GOLDEN_RATIO = 0.618034  # steps by this share of the hue circle, so that each hue falls into the widest gap

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

THING_CLASSES = ("person", "dog", "car", "bicycle", "ar-marker")
"""Thing classes, in the sense of COCO panoptic, of a table that does not name its own: a connected component of them is
usually one whole thing.

The other classes of `DRONE` are stuff: ground, water and plants cannot be counted; crowns of trees, roofs, walls and
fences touch one another; windows, doors and poles are parts of those; rocks and obstacles are heaps. Their components
are found if they are named.
"""


@dataclass(frozen=True)
class ClassTable:
    """Names and colors of the classes; the id of a class is its position in the table.

    Args:
        names: Unique class names, 1 to 255, as `is_class_name` accepts them.
        colours: One RGB color per class, each channel 0 to 255.
        ignore_index: Id of pixels without a label, which loss and metrics skip.
        mask_values: Value of each class in mask files, 0 to 255, ascending; None: that of its id.
        ignored_values: Values in mask files, other than `ignore_index`, of pixels without a label.
        ignored_colors: Colors in mask files of pixels without a label.
        things: Names of the classes whose things are counted one by one, such as car; None if the table does not say.

    Raises:
        DataError: The table is empty, repeats a name or has one that cannot be printed, has a color or a value outside
            0 to 255, or `ignore_index` is the id of a class; or the values do not fit.

    Example:
        >>> table = ClassTable(names=("road", "grass"), colours=((128, 64, 128), (0, 102, 0)))
        >>> len(table), table.names.index("grass"), table.ignore_index
        (2, 1, 255)
        >>> table.palette[np.array([[0, 1]])].tolist()
        [[[128, 64, 128], [0, 102, 0]]]
    """

    names: tuple[str, ...]
    colours: tuple[Color, ...]
    ignore_index: int = IGNORE_INDEX
    mask_values: tuple[int, ...] | None = None
    ignored_values: tuple[int, ...] = ()
    ignored_colors: tuple[Color, ...] = ()
    things: tuple[str, ...] | None = field(default=None, repr=False)  # masks are decoded in the same way

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= 255 or len(self.names) != len(self.colours):
            raise DataError(
                f"a class table needs 1 to 255 names with one color each, not {len(self.names)} "
                f"names and {len(self.colours)} colors"
            )
        if bad := [name for name in self.names if not is_class_name(name)]:
            raise DataError(
                f"{ascii(bad[0])[:60]} cannot be the name of a class: rename it to 1 to {MAX_NAME} characters without "
                "line breaks and control characters"
            )
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if repeated:
            raise DataError(f"the class table names {', '.join(repeated)} twice: rename one of them")
        if unknown := [name for name in self.things or () if name not in self.names]:
            raise DataError(f"{unknown[0]} is called a thing and is no class: choose from {', '.join(self.names)}")
        colors = (*self.colours, *self.ignored_colors)
        if any(len(color) != 3 or not all(0 <= value <= 255 for value in color) for color in colors):
            raise DataError("a class color needs three values from 0 to 255")
        if not len(self.names) <= self.ignore_index <= 255:
            raise DataError(
                f"the ignored id {self.ignore_index} must be above the last class id "
                f"({len(self.names) - 1}) and at most 255"
            )
        values = [*self.stored_values, *self.ignored_values]
        if len(values) != len(self) + len(self.ignored_values) or len({*values}) != len(values):
            raise DataError(f"{len(self)} classes need as many different values in masks, not {values}")
        if not all(0 <= value <= 255 for value in values):
            raise DataError(f"masks hold values from 0 to 255, not {min(values)} to {max(values)}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def stored_values(self) -> Sequence[int]:
        """Value of each class in mask files, by id."""
        return range(len(self)) if self.mask_values is None else self.mask_values

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """Color of each mask value: uint8 `[256, 3]`, RGB; the ignored id and unused ids are white."""
        palette = np.full((256, 3), 255, np.uint8)
        palette[: len(self)] = self.colours
        return palette

    @property
    def dense(self) -> ClassTable:
        """The table of masks whose values are the ids: those that are decoded, predicted and written."""
        return replace(self, mask_values=None, ignored_values=(), ignored_colors=())

    def to_dict(self) -> dict[str, Any]:
        """Returns the table as plain str, int and list, for a checkpoint or JSON."""
        table: dict[str, Any] = {
            "names": list(self.names),
            "colours": [list(color) for color in self.colours],
            "ignore_index": self.ignore_index,
        }
        if self.mask_values is not None:
            table["mask_values"] = list(self.mask_values)
        if self.ignored_values:
            table["ignored_values"] = list(self.ignored_values)
        if self.ignored_colors:
            table["ignored_colors"] = [list(color) for color in self.ignored_colors]
        if self.things is not None:
            table["things"] = list(self.things)
        return table

    def to_csv(self) -> str:
        """Returns the table as CSV text with the columns `name, r, g, b`, one row per class, in the order of the ids.

        A table that says what things are also has the column `thing`: 1 or 0.

        Example:
            >>> print(ClassTable(("road", "grass"), ((128, 64, 128), (0, 102, 0))).to_csv(), end="")
            name,r,g,b
            road,128,64,128
            grass,0,102,0
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(("name", "r", "g", "b", *([] if self.things is None else ["thing"])))
        for name, color in zip(self.names, self.colours, strict=True):
            thing = [] if self.things is None else [int(name in self.things)]
            (quoting if name.startswith(("#", "//")) else writer).writerow((name, *color, *thing))  # or it is a comment
        return text.getvalue()

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> ClassTable:
        """Builds the table that `to_dict` wrote.

        Raises:
            DataError: It is not such a table.
        """
        try:
            return validate(cls, table)
        except UnreadableError as error:
            raise DataError(
                f"the class table cannot be read ({error}): write names, colours and ignore_index"
            ) from None


def thing_classes(table: ClassTable) -> list[str]:
    """Returns the thing classes of a table, in its order: those that it names, or else its `THING_CLASSES`.

    Example:
        >>> thing_classes(DRONE)
        ['person', 'dog', 'car', 'bicycle', 'ar-marker']
    """
    things = THING_CLASSES if table.things is None else table.things
    return [name for name in table.names if name in things]


def is_class_name(name: str) -> bool:
    r"""Whether a text can be the name of a class: one line, which a console, a CSV file and a page show as it is.

    Example:
        >>> is_class_name("paved area"), is_class_name("paved\narea"), is_class_name("\x1b[31mred")
        (True, False, False)
    """
    printable = all(char in _JOINERS or unicodedata.category(char) not in _UNPRINTABLE for char in name)
    return 0 < len(name) <= MAX_NAME and printable and not name.isspace()


def fold_name(name: str) -> str:
    """Returns the name of a class without case, spaces, hyphens and underscores, to find other spellings of it."""
    return re.sub(r"[\s_\-]+", "", name.casefold())


def generate_colors(count: int) -> tuple[Color, ...]:
    """Returns distinct colors for classes that have none; neither white, which means "ignored", nor black.

    Example:
        >>> generate_colors(2)
        ((242, 24, 24), (109, 148, 242))
    """
    colors: dict[Color, None] = {}
    for i in itertools.count():
        if len(colors) == count:
            break
        hue, saturation, value = i * _GOLDEN_RATIO % 1, (0.9, 0.55, 0.75)[i % 3], (0.95, 0.7, 0.5)[i // 3 % 3]
        red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, saturation, value))
        colors[red, green, blue] = None
    return tuple(colors)


# The 23 classes and colors of the TU Graz Semantic Drone Dataset, from Kaggle's class_dict_seg.csv. The 24th row of
# that file, "conflicting", never occurs in the masks.
DRONE = ClassTable(
    names=(
        "unlabeled", "paved-area", "dirt", "grass", "gravel", "water", "rocks", "pool",
        "vegetation", "roof", "wall", "window", "door", "fence", "fence-pole", "person",
        "dog", "car", "bicycle", "tree", "bald-tree", "ar-marker", "obstacle",
    ),
    colours=(
        (0, 0, 0), (128, 64, 128), (130, 76, 0), (0, 102, 0), (112, 103, 87), (28, 42, 168),
        (48, 41, 30), (0, 50, 89), (107, 142, 35), (70, 70, 70), (102, 102, 156), (254, 228, 12),
        (254, 148, 12), (190, 153, 153), (153, 153, 153), (255, 22, 96), (102, 51, 0),
        (9, 143, 150), (119, 11, 32), (51, 51, 0), (190, 250, 190), (112, 150, 146), (2, 135, 115),
    ),
)  # fmt: skip

BUILT_IN = {"drone": DRONE}
