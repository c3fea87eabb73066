"""How the values of a mask file become class ids: ids, colours, or light and dark; then groups of classes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.class_groups import ClassGroups, load_class_groups, remap
from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.raster.decode import COLOR_MODES, open_upright
from segdrone.raster.pixels import count_values

log = logging.getLogger(__name__)

CLASSES_FILE = "classes.csv"  # of a folder that annotations were imported into
ENCODINGS = ("auto", "ids", "colours", "binary")

_UNSEEN = -2  # a colour that has not been looked up yet
_COLOURS = 1 << 13  # looked up at a time: with 255 classes, 50 MB of distances
_ROWS = 256  # converted at a time: 24 megapixels at once would need 300 MB


class UnknownLabelsError(Exception):
    """Values that no class has: `found` gives how they are called, and how many pixels have each."""

    def __init__(self, found: Counter[str]) -> None:
        super().__init__(found)
        self.found = found


@dataclass(frozen=True)
class MaskEncoding:
    """The classes of mask files, and how they are written there.

    Attributes:
        source: The classes that the files hold.
        groups: Classes to merge or to ignore, as `segdrone.class_groups.remap` takes them.
        encoding: `ids`, `colours` of the class table, `binary` (above `threshold` is class 1, the
            rest class 0), or `auto`: files of three channels hold colours, others ids.
        colour_tolerance: How far a colour may lie from its class's, as the Euclidean distance in RGB,
            0 to 441: 0 takes exact colours alone, 20 also those that an export shifted a little. What lies
            between two classes, as smoothing leaves it along edges, is near neither.
        threshold: The last value of class 0 in `binary` masks, in grey levels.

    Raises:
        DataError: The groups do not fit the table, two classes share a colour where colours count, or
            binary masks are given other than two classes.
    """

    source: ClassTable
    groups: ClassGroups = field(default_factory=dict)
    encoding: str = "auto"
    colour_tolerance: float = 0.0
    threshold: int = 127

    def __post_init__(self) -> None:
        if self.encoding == "binary" and len(self.source) != 2:
            raise DataError(
                f"data.mask_encoding=binary needs a class table of two classes, not {len(self.source)}: "
                "give data.classes=FILE.csv with what dark and what light pixels show"
            )
        if self.encoding not in ENCODINGS:
            raise DataError(f"mask encoding {self.encoding} is unknown: choose one of {', '.join(ENCODINGS)}")
        _ = self.table  # refuses groups that do not fit

    @classmethod
    def load(
        cls,
        classes: str | Path | Mapping[str, Any],
        groups: str | Path | Mapping[str, Any] | None = None,
        encoding: str = "auto",
        colour_tolerance: float = 0.0,
        threshold: int = 127,
    ) -> MaskEncoding:
        """Builds labels from what a user names: a table as `ClassTable.load` or `from_dict` takes it, and groups.

        Raises:
            DataError: The table or the groups cannot be read, or do not fit.
        """
        table = ClassTable.from_dict(classes) if isinstance(classes, Mapping) else ClassTable.load(classes)
        return cls(
            table, load_class_groups(groups) if groups is not None else {}, encoding, colour_tolerance, threshold
        )

    @cached_property
    def _merged(self) -> tuple[ClassTable, NDArray[np.uint8]]:
        return remap(self.source, self.groups) if self.groups else (self.source, np.arange(256, dtype=np.uint8))

    @property
    def table(self) -> ClassTable:
        """The classes after merging: what a network learns."""
        return self._merged[0]

    @cached_property
    def fingerprint(self) -> str:
        """Tells apart labels that make other ids of the same file; groups do not, they are merged later."""
        return repr((self.source, self.encoding, self.colour_tolerance, self.threshold))

    def merged(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turns ids of `source` into ids of `table`: uint8 `[H, W]` both."""
        return np.asarray(cv2.LUT(mask, self._merged[1]), np.uint8) if self.groups else mask

    def merged_counts(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turns pixels by id of `source`, int64 `[256]`, into pixels by id of `table`."""
        return np.bincount(self._merged[1], counts, minlength=256).astype(np.int64)

    def from_ids(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Checks values of any number type, `[H, W]`, and returns them as uint8.

        Raises:
            UnknownLabels: A value is no id of `source`, nor its ignored one.
        """
        if values.dtype == np.uint8:
            if values.max() < len(self.source):  # mostly so, and seen sooner than any count
                return values
            counts = count_values(values)
            found = Counter({f"id {v}": int(counts[v]) for v in np.flatnonzero(counts) if not self._known[v]})
            if found:
                raise UnknownLabelsError(found)
        else:
            known = (values >= 0) & (values <= 255) & (values == np.round(values))
            known &= self._known[np.where(known, values, 0).astype(np.uint8)]
            if not known.all():
                unknown, counts = np.unique(values[~known], return_counts=True)
                raise UnknownLabelsError(Counter({f"id {v}": int(n) for v, n in zip(unknown, counts, strict=True)}))
        return values.astype(np.uint8, copy=False)

    def from_colours(self, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the ids, uint8 `[H, W]`, of colours, uint8 `[H, W, 3]` RGB.

        Raises:
            DataError: The table gives one colour to several classes.
            UnknownLabels: A colour lies further than `colour_tolerance` from every class's.
        """
        shared = [colour for colour, n in Counter(self.source.colours).items() if n > 1]
        if shared:
            raise DataError(
                f"holds colours, but the class table gives rgb{shared[0]} to several classes: "
                "give each its own colour, or masks of ids"
            )
        ids, known = np.empty(colours.shape[:2], np.uint8), self._colour_ids  # one table, whatever other threads make
        unknown: Counter[str] = Counter()
        for top in range(0, len(colours), _ROWS):
            rows = slice(top, top + _ROWS)
            packed = _packed(colours[rows])
            found = known[packed]
            if found.min() == _UNSEEN:
                self._look_up(np.unique(packed[found == _UNSEEN]), known)
                found = known[packed]
            if found.min() < 0:
                for value, n in zip(*np.unique(packed[found < 0], return_counts=True), strict=True):
                    unknown[f"colour rgb({value >> 16}, {value >> 8 & 255}, {value & 255})"] += int(n)
            ids[rows] = found
        if unknown:
            raise UnknownLabelsError(unknown)
        return ids

    def from_grey(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Returns 1 where values, `[H, W]`, lie above `threshold`, else 0."""
        return (values > self.threshold).astype(np.uint8)

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        known = np.zeros(256, bool)
        known[[*range(len(self.source)), self.source.ignore_index]] = True
        return known

    @cached_property
    def _colour_ids(self) -> NDArray[np.int16]:
        """Class id by colour, `[2 ** 24]`, indexed by red * 65536 + green * 256 + blue; filled as needed."""
        return np.full(1 << 24, _UNSEEN, np.int16)

    def _look_up(self, packed: NDArray[np.int32], known: NDArray[np.int16]) -> None:
        """Gives colours in `known` the nearest class within the tolerance, or -1."""
        colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1)
        for part in range(0, len(packed), _COLOURS):
            some = slice(part, part + _COLOURS)
            distances = ((colours[some, None] - np.array(self.source.colours)) ** 2).sum(-1)
            nearest = distances.argmin(1)
            near = distances.min(1) <= self.colour_tolerance**2
            known[packed[some]] = np.where(near, nearest, -1)

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the table of colours behind: 32 MB that a worker makes again when it needs them."""
        return {name: value for name, value in self.__dict__.items() if name != "_colour_ids"}


def warn_unused_class_table(root: Path, classes: object) -> None:
    """Says so where a folder has a table of its own, as `segdrone data import` writes it, and it is not used."""
    own = root / CLASSES_FILE
    if classes == "drone" and own.is_file():
        log.warning("%s is not used, but the 23 classes of the drone dataset: give data.classes=%s", own, own)


def _packed(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue


def read_mask(path: Path, labels: MaskEncoding) -> NDArray[np.uint8]:
    """Returns a mask as uint8 `[H, W]` of ids of `labels.source`: as in the file, not merged yet.

    Raises:
        DataError: The file is missing, no image or cut short, or holds an id or a colour that the
            table does not know.
    """
    try:
        return read_ids(path, labels)
    except UnknownLabelsError as unknown:
        raise DataError(_unknown_text(path, unknown.found, labels)) from None


def read_ids(path: Path, labels: MaskEncoding) -> NDArray[np.uint8]:
    """Returns what `read_mask` does, and gives unknown labels with their counts to the caller.

    Raises:
        UnknownLabels: The mask holds ids or colours that the table does not know.
        DataError: The file is missing, no image or cut short, or holds no ids at all.
    """
    try:
        with open_upright(path) as image:
            return _ids(image, labels)
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path} {error}") from None


def _ids(image: Image.Image, labels: MaskEncoding) -> NDArray[np.uint8]:
    encoding = labels.encoding
    if encoding == "auto":
        encoding = "colours" if image.mode in COLOR_MODES else "ids"
        if image.mode == "P":
            _refuse_ambiguous(image, labels)
    if encoding == "colours":
        return labels.from_colours(np.asarray(image.convert("RGB")))
    if encoding == "binary":
        return labels.from_grey(np.asarray(image if image.mode[0] in "IF" else image.convert("L")))
    if image.mode in COLOR_MODES:
        channels = np.asarray(image.convert("RGB"))
        if (channels != channels[..., :1]).any():
            raise DataError("holds colours, not ids: give data.mask_encoding=colours")
        return labels.from_ids(channels[..., 0])
    values = np.asarray(image.convert("L") if image.mode in ("LA", "1") else image)
    if values.ndim != 2:
        raise DataError(f"has pixels of type {image.mode}, neither ids nor RGB: convert it to 8-bit grey or RGB")
    return labels.from_ids(values // 255 if image.mode == "1" else values)


def _refuse_ambiguous(image: Image.Image, labels: MaskEncoding) -> None:
    """A palette mask may be meant by index or by colour; where both make sense and differ, ask."""
    used = np.flatnonzero(image.histogram())
    palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    if used.max() >= len(palette):
        return
    try:
        meant = labels.from_colours(palette[used][None])[0]
    except (UnknownLabelsError, DataError):  # other colours than the classes', or one of several classes: not meant
        return
    if (meant != used).any():
        raise DataError(
            f"is a palette image whose indices ({used[0]}, ...) and colours (those of class {meant[0]}, ...) name "
            "different classes: say which counts with data.mask_encoding=ids or colours"
        )


def _unknown_text(path: Path, found: Counter[str], labels: MaskEncoding) -> str:
    listed = ", ".join(f"{value} ({count} pixels)" for value, count in found.most_common(5))
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    table = labels.source
    coloured = any(value.startswith("colour") for value in found)
    hint = ", or take near colours with data.colour_tolerance=20" if coloured else ""
    if path.suffix.lower() in (".jpg", ".jpeg"):
        hint += "; a JPEG changes what it stores: masks should be PNG files"
    return (
        f"{path} holds {listed}{more}, not in the class table of {len(table)} classes "
        f"(ids 0 to {len(table) - 1}, {table.ignore_index} is ignored): mend the mask "
        f"or give its table with data.classes=FILE.csv{hint}"
    )
