"""Decode the values of mask files to class ids, and merge classes into groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.class_files import load_class_table
from segdrone.class_groups import ClassGroups, load_class_groups, remap
from segdrone.class_mapping import map_classes
from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.raster.pixels import count_values

if TYPE_CHECKING:
    from segdrone.data.config import DataConfig

ENCODINGS = ("auto", "ids", "colours", "binary")

_NOT_LOOKED_UP = -2
_COLORS_PER_CHUNK = 1 << 13  # with 255 classes, 50 MB of distances
_ROWS_PER_CHUNK = 256  # 24 megapixels at once would need 300 MB


class UnknownLabelsError(Exception):
    """A mask holds values that are not in the class table.

    Attributes:
        counts: Number of pixels by the name of each such value, such as `id 31`.
    """

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__(counts)
        self.counts = counts


class Remapping(NamedTuple):
    """New ids of the classes of mask files.

    Attributes:
        table: The new classes.
        lookup: The new id of each old one, 256 bytes.
    """

    table: ClassTable
    lookup: bytes


@dataclass(frozen=True)
class MaskEncoding:
    """How mask files hold classes.

    Attributes:
        source: Classes that the files hold.
        groups: Classes to merge or to ignore, as `segdrone.class_groups.remap` takes them.
        kind: `ids`; `colours` of the class table; `binary`, where values above `threshold` are class 1 and all
            others class 0; or `auto`, where files with three channels hold colors and all others ids.
        colour_tolerance: Largest Euclidean distance in RGB, 0 to 441, between a color in a mask and that of its
            class. 0 accepts exact colors only, 20 also colors that an export shifted slightly. Mixed colors, as
            anti-aliasing leaves them along edges, are close to neither class.
        threshold: Largest gray level of class 0 in `binary` masks.
        remapping: Classes of a model that the classes of the files become, from `map_to`; None applies `groups`.

    Raises:
        DataError: The groups do not fit the table, the kind is unknown, or it is `binary` and the table does not
            have two classes.

    Example:
        >>> table = ClassTable(("road", "grass", "tree"), ((90, 90, 90), (0, 255, 0), (0, 90, 0)))
        >>> encoding = MaskEncoding(table, groups={"green": ["grass", "tree"]})
        >>> mask = encoding.decode_colors(np.array([[(90, 90, 90), (0, 90, 0)]], np.uint8))
        >>> mask.tolist(), encoding.table.names, encoding.remap(mask).tolist()
        ([[0, 2]], ('green', 'road'), [[1, 0]])
    """

    source: ClassTable
    groups: ClassGroups = field(default_factory=dict)
    kind: str = "auto"
    colour_tolerance: float = 0.0
    threshold: int = 127
    remapping: Remapping | None = None

    def __post_init__(self) -> None:
        if self.kind == "binary" and len(self.source) != 2:
            raise DataError(
                f"data.mask_encoding=binary needs a class table of two classes, not {len(self.source)}: "
                "give data.classes=FILE.csv with the class of dark and the class of light pixels"
            )
        if self.kind not in ENCODINGS:
            raise DataError(f"mask encoding {self.kind} is unknown: choose one of {', '.join(ENCODINGS)}")
        _ = self.table  # raises if the groups do not fit

    @classmethod
    def load(
        cls,
        classes: str | Path | Mapping[str, Any],
        groups: str | Path | Mapping[str, Any] | None = None,
        kind: str = "auto",
        colour_tolerance: float = 0.0,
        threshold: int = 127,
    ) -> MaskEncoding:
        """Builds the encoding from a class table and groups as a user gives them.

        Args:
            classes: As `load_class_table` or `ClassTable.from_dict` take it.
            groups: As `load_class_groups` takes them; None merges nothing.
            kind: As the class takes it.
            colour_tolerance: As the class takes it.
            threshold: As the class takes it.

        Raises:
            DataError: The table or the groups cannot be read, or do not fit.
        """
        table = ClassTable.from_dict(classes) if isinstance(classes, Mapping) else load_class_table(classes)
        return cls(table, load_class_groups(groups) if groups is not None else {}, kind, colour_tolerance, threshold)

    @classmethod
    def from_config(cls, config: DataConfig, table: ClassTable) -> MaskEncoding:
        """Builds the encoding of masks with the classes of `table` from the other options of `config`.

        Raises:
            DataError: The groups cannot be read, or they or the encoding do not fit the table.
        """
        groups = {} if config.class_groups is None else load_class_groups(config.class_groups)
        return cls(table, groups, config.mask_encoding, config.colour_tolerance, config.mask_threshold)

    @cached_property
    def _remapped(self) -> tuple[ClassTable, NDArray[np.uint8]]:
        if self.remapping is not None:
            return self.remapping.table, np.frombuffer(self.remapping.lookup, np.uint8)
        return remap(self.source, self.groups) if self.groups else (self.source, np.arange(256, dtype=np.uint8))

    @property
    def table(self) -> ClassTable:
        """Classes after merging, which a network learns or predicts."""
        return self._remapped[0]

    def map_to(self, target: ClassTable, groups: ClassGroups | None, *, names: tuple[str, str]) -> MaskEncoding:
        """Returns the encoding that reads the same files as classes of a model, by the names of the classes.

        Args:
            target: Classes of the model, which `table` of the result is.
            groups: The groups by which the model's classes were merged; None if none were.
            names: What the masks and the model are called in the error.

        Raises:
            ClassesDifferError: The model lacks a class of the masks.
        """
        table, merged = self._remapped
        lookup = map_classes(table, target, groups, names=names)[merged]
        return replace(self, remapping=Remapping(target, lookup.tobytes()))

    @cached_property
    def fingerprint(self) -> str:
        """Text that differs between encodings that decode a file to different ids of `source`.

        It does not depend on the groups, since cached masks are merged when they are read.
        """
        return repr((self.source, self.kind, self.colour_tolerance, self.threshold))

    def remap(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turns ids of `source` into ids of `table`, both uint8 `[H, W]`."""
        table, lookup = self._remapped
        return mask if table == self.source else np.asarray(cv2.LUT(mask, lookup), np.uint8)

    def remap_counts(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turns pixel counts by id of `source`, int64 `[256]`, into counts by id of `table`."""
        return np.bincount(self._remapped[1], counts, minlength=256).astype(np.int64)

    def decode_ids(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Checks that values of any number type, `[H, W]`, are ids of `source`, and returns them as uint8.

        Raises:
            UnknownLabelsError: A value is neither an id of `source` nor its ignored id.
        """
        if values.dtype == np.uint8:
            if values.max() < len(self.source):  # the usual case, much faster than counting
                return values
            counts = count_values(values)
            unknown = Counter({f"id {v}": int(counts[v]) for v in np.flatnonzero(counts) if not self._is_id[v]})
            if unknown:
                raise UnknownLabelsError(unknown)
        else:
            known = (values >= 0) & (values <= 255) & (values == np.round(values))
            known &= self._is_id[np.where(known, values, 0).astype(np.uint8)]
            if not known.all():
                ids, counts = np.unique(values[~known], return_counts=True)
                raise UnknownLabelsError(Counter({f"id {v}": int(n) for v, n in zip(ids, counts, strict=True)}))
        return values.astype(np.uint8, copy=False)

    def decode_colors(self, colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the ids of `source`, uint8 `[H, W]`, of colors, uint8 `[H, W, 3]` RGB.

        Raises:
            DataError: The table gives several classes the same color.
            UnknownLabelsError: A color is farther than `colour_tolerance` from those of all classes.
        """
        shared = [color for color, n in Counter(self.source.colours).items() if n > 1]
        if shared:
            raise DataError(
                f"holds colors, but the class table gives rgb{shared[0]} to several classes: "
                "give each its own color, or use masks of ids"
            )
        ids, lookup = np.empty(colors.shape[:2], np.uint8), self._color_ids  # a thread may replace the property's
        unknown: Counter[str] = Counter()
        for top in range(0, len(colors), _ROWS_PER_CHUNK):
            rows = slice(top, top + _ROWS_PER_CHUNK)
            packed = _pack(colors[rows])
            decoded = lookup[packed]
            if decoded.min() == _NOT_LOOKED_UP:
                self._look_up(np.unique(packed[decoded == _NOT_LOOKED_UP]), lookup)
                decoded = lookup[packed]
            if decoded.min() < 0:
                for value, n in zip(*np.unique(packed[decoded < 0], return_counts=True), strict=True):
                    unknown[f"color rgb({value >> 16}, {value >> 8 & 255}, {value & 255})"] += int(n)
            ids[rows] = decoded
        if unknown:
            raise UnknownLabelsError(unknown)
        return ids

    def decode_binary(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Returns 1 where values, `[H, W]`, are above `threshold`, else 0, as uint8."""
        return (values > self.threshold).astype(np.uint8)

    @cached_property
    def _is_id(self) -> NDArray[np.bool_]:
        known = np.zeros(256, bool)
        known[[*range(len(self.source)), self.source.ignore_index]] = True
        return known

    @cached_property
    def _color_ids(self) -> NDArray[np.int16]:
        """Id by color, `[2 ** 24]`, indexed by red * 65536 + green * 256 + blue, filled on demand; -1 is unknown."""
        return np.full(1 << 24, _NOT_LOOKED_UP, np.int16)

    def _look_up(self, packed: NDArray[np.int32], lookup: NDArray[np.int16]) -> None:
        """Writes the id of the nearest class within the tolerance, or -1, to `lookup` for each color."""
        colors = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1)
        for start in range(0, len(packed), _COLORS_PER_CHUNK):
            chunk = slice(start, start + _COLORS_PER_CHUNK)
            distances = ((colors[chunk, None] - np.array(self.source.colours)) ** 2).sum(-1)
            near = distances.min(1) <= self.colour_tolerance**2
            lookup[packed[chunk]] = np.where(near, distances.argmin(1), -1)

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the 32 MB of color ids, which a worker fills again when it needs them."""
        return {name: value for name, value in self.__dict__.items() if name != "_color_ids"}


def _pack(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    red, green, blue = (colors[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue
