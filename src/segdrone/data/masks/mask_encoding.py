"""How mask files hold classes, and which classes are merged into groups."""

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
from segdrone.data.masks.label_lookup import Decoded, LabelLookup, label_name
from segdrone.errors import DataError
from segdrone.raster.pixels import count_values

if TYPE_CHECKING:
    from segdrone.data.config import DataConfig

ENCODINGS = ("auto", "ids", "colours", "binary")
_VERSION = 3  # of the rules by which files are decoded: earlier cached masks are decoded again


class UnknownLabelsError(Exception):
    """A mask holds values that are not in the class table.

    Attributes:
        labels: Number of pixels by each such value or color.
        known: Number of the other pixels by id of the table that the mask is read by, int64 `[256]`.
        lossy: Name of the compression that changed values in the file; empty if none did.
    """

    def __init__(self, decoded: Decoded) -> None:
        super().__init__(decoded)
        self.labels, self.known, self.lossy = decoded.unknown, count_known(decoded), decoded.lossy

    @property
    def counts(self) -> Counter[str]:
        """Number of pixels by the name of each value, such as `id 31`."""
        return Counter({label_name(label): count for label, count in self.labels.items()})


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
            others class 0; or `auto`: each file tells by its values whether they are ids or colors, and is refused if
            it could be either.
        colour_tolerance: Largest Euclidean distance in RGB, 0 to 441, between a color in a mask and that of its
            class. 0 accepts exact colors only, 20 also colors that an export shifted slightly. Mixed colors, as
            anti-aliasing leaves them along edges, are close to neither class.
        threshold: Largest gray level of class 0 in `binary` masks.
        unknown: What `read_mask` does with values and colors that no class has: `error`, or `ignore` these pixels.
        remapping: Classes of a model that the classes of the files become, from `map_to`; None applies `groups`.
        remedy: What errors advise for files that cannot be read, such as masks that no option of `data` is about;
            empty names these options.

    Raises:
        DataError: The groups do not fit the table, the kind is unknown, or it is `binary` and the table does not
            have two classes.

    Example:
        >>> table = ClassTable(("road", "grass", "tree"), ((90, 90, 90), (0, 255, 0), (0, 90, 0)))
        >>> encoding = MaskEncoding(table, groups={"green": ["grass", "tree"]})
        >>> mask = encoding.lookup.colors(np.array([[(90, 90, 90), (0, 90, 0)]], np.uint8)).mask
        >>> mask.tolist(), encoding.table.names, encoding.remap(mask).tolist()
        ([[0, 2]], ('green', 'road'), [[1, 0]])
    """

    source: ClassTable
    groups: ClassGroups = field(default_factory=dict)
    kind: str = "auto"
    colour_tolerance: float = 0.0
    threshold: int = 127
    unknown: str = "error"
    remapping: Remapping | None = None
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.kind == "binary" and len(self.source) != 2:
            raise DataError(
                f"data.mask_encoding=binary needs a class table of two classes, not {len(self.source)}: "
                "give data.classes=FILE.csv with the class of dark and the class of light pixels"
            )
        if self.kind == "binary" and self.light_is_first:
            dark, light = self.source.names
            raise DataError(
                f"data.mask_encoding=binary takes light pixels for the second class, {light}, which is black in the "
                f"class table while {dark} is white: exchange their rows, or give data.mask_encoding=colours"
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
        return cls(table, groups, config.mask_encoding, config.colour_tolerance, config.mask_threshold, config.unknown)

    @cached_property
    def _remapped(self) -> tuple[ClassTable, NDArray[np.uint8]]:
        if self.remapping is not None:
            return self.remapping.table, np.frombuffer(self.remapping.lookup, np.uint8)
        return (
            remap(self.source.dense, self.groups)
            if self.groups
            else (self.source.dense, np.arange(256, dtype=np.uint8))
        )

    @property
    def table(self) -> ClassTable:
        """Classes after merging, which a network learns or predicts."""
        return self._remapped[0]

    @property
    def light_is_first(self) -> bool:
        """Whether the first of two classes is about white and the second about black."""
        first, second = (self.source.colours[0], self.source.colours[1]) if len(self.source) == 2 else ((0,), (0,))
        return min(first) > 191 and max(second) < 64

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
        return repr((_VERSION, self.source, self.kind, self.colour_tolerance, self.threshold, self.unknown))

    @cached_property
    def _changes_ids(self) -> bool:
        """Whether an id of `source` becomes another one; the tables may be equal, and a class ignored or merged."""
        ids = [*range(len(self.source)), self.source.ignore_index]
        return bool(self._remapped[1][ids].tolist() != ids)

    @cached_property
    def merged(self) -> NDArray[np.bool_]:
        """Whether each id of `source` becomes a class that another one becomes too: bool `[256]`."""
        new = self._remapped[1][: len(self.source)]
        shared = (np.bincount(new, minlength=256)[new] > 1) & (new != self.table.ignore_index)
        return np.pad(shared, (0, 256 - len(new)))

    def remap(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turns ids of `source` into ids of `table`, both uint8 `[H, W]`."""
        return np.asarray(cv2.LUT(mask, self._remapped[1]), np.uint8) if self._changes_ids else mask

    def remap_counts(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turns pixel counts by id of `source`, int64 `[256]`, into counts by id of `table`."""
        return np.bincount(self._remapped[1], counts, minlength=256).astype(np.int64)

    @cached_property
    def lookup(self) -> LabelLookup:
        """Finds the class of values and colors."""
        return LabelLookup(self.source, self.colour_tolerance)


def count_known(decoded: Decoded) -> NDArray[np.int64]:
    """Returns the number of pixels by id, int64 `[256]`, without those whose value is unknown."""
    counts = count_values(decoded.mask)
    if decoded.unknown:  # they have the ignored id, the highest one in use
        counts[int(np.flatnonzero(counts)[-1])] -= decoded.unknown.total()
    return counts
