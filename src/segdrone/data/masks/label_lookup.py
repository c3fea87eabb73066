"""Look up the values and colors of mask files in a class table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable, Color
from segdrone.errors import DataError
from segdrone.raster.pixels import count_values

Label = float | Color
"""A value of a mask, or a color."""

_NOT_LOOKED_UP, _UNKNOWN = -2, -1
_COLORS_PER_CHUNK = 1 << 13  # with 255 classes, 50 MB of distances
_MAX_UNKNOWN = 1_000_000  # different ones take 0.3 GB
_ROWS_PER_CHUNK = 256  # 24 megapixels at once would need 300 MB


class Decoded(NamedTuple):
    """A mask whose values were looked up.

    Attributes:
        mask: Ids of the table, uint8 `[H, W]`; the ignored id where the value is unknown.
        unknown: Number of pixels by value or color that no class has.
        lossy: Name of the compression that changed values in the file; empty if none did.
        meaning: What three equal channels were taken for: `ids`; `black`, the color of a class, though 0 is the id of
            another; empty if there are none, or if ids and colors are the same classes.
    """

    mask: NDArray[np.uint8]
    unknown: Counter[Label]
    lossy: str = ""
    meaning: str = ""

    @property
    def unknown_share(self) -> float:
        """Share of the pixels whose value is unknown, 0 to 1."""
        return self.unknown.total() / self.mask.size


class LabelLookup:
    """Finds the class of the values and colors of mask files.

    Args:
        table: The classes, with their values and colors in mask files.
        colour_tolerance: Largest Euclidean distance in RGB, 0 to 441, between a color in a mask and that of its class.

    Example:
        >>> lookup = LabelLookup(ClassTable(("road", "grass"), ((9, 9, 9), (0, 99, 0)), mask_values=(7, 11)))
        >>> decoded = lookup.ids(np.array([[7, 11, 255, 0]], np.uint8))
        >>> decoded.mask.tolist(), dict(decoded.unknown)
        ([[0, 1, 255, 255]], {0: 1})
    """

    def __init__(self, table: ClassTable, colour_tolerance: float = 0.0) -> None:
        self.table, self.colour_tolerance = table, colour_tolerance

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the 32 MB of color ids, which a worker fills again when it needs them."""
        return {name: value for name, value in self.__dict__.items() if name != "_color_ids"}

    def ids(self, values: NDArray[Any], nodata: float | None = None) -> Decoded:
        """Looks up values of any number type, `[H, W]`.

        Args:
            values: The values.
            nodata: A value of pixels without a label, unless it is that of a class.
        """
        table = self.table
        if values.dtype == np.uint8:
            if table.mask_values is None and values.max(initial=0) < len(table):  # usual, much faster than counting
                return Decoded(values, Counter())
            classes = self._classes(nodata)
            counts = count_values(values)
            strange = Counter[Label]({int(v): int(counts[v]) for v in np.flatnonzero(counts) if classes[v] < 0})
            ids = np.where(classes < 0, table.ignore_index, classes).astype(np.uint8)
            unchanged = not strange and (ids == np.arange(256))[counts > 0].all()
            return Decoded(values if unchanged else np.asarray(cv2.LUT(values, ids), np.uint8), strange)
        ids, classes = np.empty(values.shape, np.uint8), self._classes(nodata)
        unknown: Counter[Label] = Counter()
        for top in range(0, len(values), _ROWS_PER_CHUNK):
            rows = values[top : top + _ROWS_PER_CHUNK]
            whole = (rows >= 0) & (rows <= 255) & (rows == np.round(rows))
            found = np.where(whole, classes[np.where(whole, rows, 0).astype(np.uint8)], _UNKNOWN)
            if nodata is not None:
                missing = np.isnan(rows) if nodata != nodata else rows == nodata
                found = np.where(missing & (found < 0), table.ignore_index, found)
            _add(unknown, count_labels(rows[found < 0]))
            ids[top : top + _ROWS_PER_CHUNK] = np.where(found < 0, table.ignore_index, found)
        return Decoded(ids, unknown)

    def colors(self, colors: NDArray[np.uint8]) -> Decoded:
        """Looks up colors, uint8 `[H, W, 3]` RGB.

        Raises:
            DataError: The table gives several classes the same color.
        """
        shared = [color for color, n in Counter(self.table.colours).items() if n > 1]
        if shared:
            raise DataError(
                f"holds colors, but the class table gives rgb{shared[0]} to several classes: "
                "give each its own color, or use masks of ids"
            )
        ids, lookup = np.empty(colors.shape[:2], np.uint8), self._color_ids  # a thread may replace the property's
        unknown: Counter[Label] = Counter()
        for top in range(0, len(colors), _ROWS_PER_CHUNK):
            rows = slice(top, top + _ROWS_PER_CHUNK)
            packed = _pack(colors[rows])
            decoded = lookup[packed]
            if decoded.min() == _NOT_LOOKED_UP:
                self._look_up(np.unique(packed[decoded == _NOT_LOOKED_UP]), lookup)
                decoded = lookup[packed]
            if decoded.min() < 0:
                _add(unknown, count_labels(colors[rows][decoded < 0]))
                decoded = np.where(decoded < 0, self.table.ignore_index, decoded)
            ids[rows] = decoded
        return Decoded(ids, unknown)

    @cached_property
    def grays(self) -> dict[int, int]:
        """Class, or the ignored id, by the value of colors whose channels are equal; empty if classes share a color."""
        entries = {color: i for i, color in enumerate(self.table.colours)}
        if len(entries) < len(self.table):
            return {}
        entries |= {color: self.table.ignore_index for color in self.table.ignored_colors if color not in entries}
        return {color[0]: i for color, i in entries.items() if color[0] == color[1] == color[2]}

    @cached_property
    def values(self) -> dict[int, int]:
        """Class, or the ignored id, by value."""
        table = self.table
        entries = {value: table.ignore_index for value in (table.ignore_index, *table.ignored_values)}
        return entries | dict(zip(table.stored_values, range(len(table)), strict=True))

    def _classes(self, nodata: float | None) -> NDArray[np.int16]:
        """Returns class or ignored id by value, int16 `[256]`; -1 is unknown."""
        classes = np.full(256, _UNKNOWN, np.int16)
        for value, class_id in self.values.items():
            classes[value] = class_id
        if nodata is not None and 0 <= nodata <= 255 and nodata == int(nodata) and classes[int(nodata)] < 0:
            classes[int(nodata)] = self.table.ignore_index
        return classes

    @cached_property
    def _color_ids(self) -> NDArray[np.int16]:
        """Id by color, `[2 ** 24]`, indexed by red * 65536 + green * 256 + blue, filled on demand; -1 is unknown."""
        return np.full(1 << 24, _NOT_LOOKED_UP, np.int16)

    def _look_up(self, packed: NDArray[np.int32], lookup: NDArray[np.int16]) -> None:
        """Writes the id of the nearest class within the tolerance, or -1, to `lookup` for each color."""
        table = self.table
        ignored = [color for color in table.ignored_colors if color not in table.colours]
        known = np.array([*table.colours, *ignored], np.int32)
        ids = np.array([*range(len(table)), *[table.ignore_index] * len(ignored)])
        if not self.colour_tolerance:  # equal ones, in a fraction of the time
            lookup[_pack(known)] = ids  # first: another thread must never read a known color as unknown
            lookup[packed[lookup[packed] == _NOT_LOOKED_UP]] = _UNKNOWN
            return
        colors = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1)
        for start in range(0, len(packed), _COLORS_PER_CHUNK):
            chunk = slice(start, start + _COLORS_PER_CHUNK)
            distances = ((colors[chunk, None] - known) ** 2).sum(-1)
            near = distances.min(1) <= self.colour_tolerance**2
            lookup[packed[chunk]] = np.where(near, ids[distances.argmin(1)], _UNKNOWN)


def label_name(label: Label) -> str:
    """Returns how a value or color is called in a message.

    Example:
        >>> label_name(31), label_name(1.5), label_name((1, 2, 3))
        ('id 31', 'id 1.5', 'color rgb(1, 2, 3)')
    """
    if isinstance(label, tuple):
        return f"color rgb({label[0]}, {label[1]}, {label[2]})"
    return f"id {label}"


def count_labels(pixels: NDArray[Any]) -> Counter[Label]:
    """Counts the pixels of each value, `[N]`, or color, `[N, 3]`."""
    if pixels.ndim == 1:
        return Counter({_number(value): n for value, n in _counted(pixels)})
    return Counter({(value >> 16, value >> 8 & 255, value & 255): n for value, n in _counted(_pack(pixels))})


def _counted(values: NDArray[Any]) -> Iterator[tuple[Any, int]]:
    unique, counts = np.unique(values, return_counts=True)
    return zip(unique.tolist(), counts.tolist(), strict=True)


def _add(unknown: Counter[Label], more: Counter[Label]) -> None:
    """Adds to the labels that no class has; so many different ones are no labels.

    Raises:
        DataError: There are too many.
    """
    unknown.update(more)
    if len(unknown) > _MAX_UNKNOWN:
        raise DataError(
            f"holds more than {_MAX_UNKNOWN} values or colors that no class has: it is a photograph or noise"
        )


def _number(value: float) -> float:
    """Returns an int if a number is whole, and always the same NaN, as the key of a dictionary."""
    if value != value:
        return math.nan
    return int(value) if float(value).is_integer() else value


def _pack(colors: NDArray[Any]) -> NDArray[np.int32]:
    red, green, blue = (colors[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue
