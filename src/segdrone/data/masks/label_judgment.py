"""Judge by the pixels of each class whether masks were read as they are meant, for checks and for training alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.data.masks.label_lookup import Label, label_name
from segdrone.data.masks.mask_encoding import MaskEncoding, count_known
from segdrone.data.masks.mask_meaning import decode_mask
from segdrone.data.masks.stored_mask import name_in_errors, read_stored
from segdrone.errors import shorten_list
from segdrone.raster.pixels import count_values

Counts = NDArray[np.int64]
_FEW_LEVELS = 4  # of gray in binary masks: soft edges have more


class SeenMask(NamedTuple):
    """What a look at a mask found.

    Attributes:
        counts: Number of pixels by id of `MaskEncoding.source`, int64 `[256]`, without unknown values.
        unknown: Number of pixels by value or color that no class has.
        levels: With `binary`, the number of pixels by gray level, int64 `[256]`; else None.
        lossy: Name of the compression that changed values; empty if none did.
        nodata_class: Class whose value the file calls no data; None if there is none.
        meaning: What three equal channels were taken for, as in `Decoded`.
        hidden: Number of pixels by id, as `counts`, that the photograph marks as no data, so that they are ignored.
    """

    counts: Counts
    unknown: Counter[Label]
    levels: Counts | None
    lossy: str
    nodata_class: str | None
    meaning: str = ""
    hidden: Counts = np.zeros(256, np.int64)


def look_at_mask(path: Path, encoding: MaskEncoding, valid: NDArray[np.bool_] | None = None) -> SeenMask:
    """Reads a mask and counts its values.

    Args:
        path: The mask.
        encoding: How it is read.
        valid: Which pixels of its photograph are not marked as no data, bool `[H, W]`; None if all.

    Raises:
        DataError: As `segdrone.data.masks.mask_files.decode_file`.
    """
    with name_in_errors(path):
        stored = read_stored(path)
        decoded = decode_mask(stored, encoding)
    levels, nodata_class = None, None
    if encoding.kind == "binary" and stored.brightness.dtype == np.uint8:
        levels = count_values(stored.brightness)
    elif stored.nodata is not None and stored.values is not None and encoding.kind != "binary":
        class_id = encoding.lookup.values.get(stored.nodata, encoding.source.ignore_index)  # type: ignore[call-overload]
        counts_here = class_id < len(encoding.source) and bool((stored.values == stored.nodata).any())
        nodata_class = encoding.source.names[class_id] if counts_here else None
    seen = SeenMask(count_known(decoded), decoded.unknown, levels, stored.lossy, nodata_class, decoded.meaning)
    if valid is None or valid.shape != decoded.mask.shape:
        return seen
    return seen._replace(hidden=count_values(decoded.mask[~valid][:, None]))


class Remark(NamedTuple):
    """Something about the labels of a dataset that should be known before it is trained on.

    Attributes:
        kind: `error`: nothing can be learned; `warning`: labels may be wrong; `absent`: classes do not occur.
        what: What was found.
        remedy: What to do.
        where: The classes, values or masks concerned.
    """

    kind: str
    what: str
    remedy: str
    where: tuple[str, ...] = ()

    def __str__(self) -> str:
        listed = f" ({shorten_list(self.where, 5)})" if self.where else ""
        return f"{self.what}{listed}: {self.remedy}"


@dataclass
class SeenLabels:
    """The masks of a dataset that were looked at.

    Attributes:
        masks: What was found, by id of the photograph.
        total: Number of masks of the dataset, which may be more.
        train: Ids of the training split; empty if there is none.
    """

    total: int
    train: frozenset[str] = frozenset()
    masks: dict[str, SeenMask] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every mask was looked at."""
        return len(self.masks) >= self.total

    def classes(self, encoding: MaskEncoding, ids: Iterable[str] | None = None) -> Counts:
        """Returns the number of pixels by id of `encoding.table`, int64 `[256]`, of some or all masks."""
        seen = self.masks.values() if ids is None else [self.masks[name] for name in ids if name in self.masks]
        counts = (mask.counts - mask.hidden for mask in seen)
        return encoding.remap_counts(sum(counts, start=np.zeros(256, np.int64)))

    def has_several_classes(self, encoding: MaskEncoding) -> bool:
        """Whether two classes occur, among all masks and in the training split."""
        size, train = len(encoding.table), self.train & self.masks.keys()
        found = [self.classes(encoding)] + ([self.classes(encoding, train)] if self.train else [])
        return all(np.count_nonzero(counts[:size]) > 1 for counts in found)


def judge_labels(seen: SeenLabels, encoding: MaskEncoding) -> list[Remark]:
    """Returns what is remarkable about the labels, the worst first.

    Args:
        seen: The masks that were looked at. If they are not all masks, they must be all or have several classes.
        encoding: How they were read.
    """
    table = encoding.table
    if len(table) == 1:
        cause = "data.class_groups leaves" if encoding.groups else "the class table has"
        return [
            Remark(
                "error",
                f"{cause} a single class ({table.names[0]}), which is nothing to tell apart",
                "give the rest a class of its own, such as a table of two classes with data.mask_encoding=binary",
            )
        ]
    if not seen.masks:
        return []
    everything = seen.classes(encoding)
    train = seen.classes(encoding, seen.train) if seen.train else everything
    if mistaken := _mixed_meanings(seen, encoding) or _ids_as_binary(seen, encoding):
        return [mistaken, *_doubts(seen, encoding)]
    for counts, where in ((everything, "all masks"), (train, "the training masks")):
        present = np.flatnonzero(counts[: len(table)])
        if len(present) == 1:
            return [_single_class(table.names[int(present[0])], where, seen, encoding), *_doubts(seen, encoding)]
        if not len(present):
            what = f"no pixel of {where} is labeled, so there is nothing to learn"
            remedy = _check_table(encoding)
            if any(mask.hidden[: len(encoding.source)].any() for mask in seen.masks.values()):
                what = f"the photographs mark as no data all that {where} label, so there is nothing to learn"
                remedy = "if they are not transparent there, leave alpha out with data.bands=[1,2,3]"
            return [Remark("error", what, remedy), *_doubts(seen, encoding)]
    absent = tuple(name for i, name in enumerate(table.names) if not everything[i])
    if not absent or not seen.complete:
        return _doubts(seen, encoding)
    noun = "1 class is" if len(absent) == 1 else f"{len(absent)} classes are"
    what = f"{noun} absent from all {len(seen.masks)} masks and cannot be learned"
    return [Remark("absent", what, _check_table(encoding), absent), *_doubts(seen, encoding)]


def _mixed_meanings(seen: SeenLabels, encoding: MaskEncoding) -> Remark | None:
    """Finds masks that are read by their black color where other masks hold ids in three channels, 0 among them."""
    black = {name: mask for name, mask in seen.masks.items() if mask.meaning == "black"}
    ids, names = sum(mask.meaning == "ids" for mask in seen.masks.values()), encoding.source.names
    if not black or not ids:
        return None
    by_color = names[int(next(iter(black.values())).counts[: len(names)].argmax())]
    noun, verb = ("1 mask", "is") if len(black) == 1 else (f"{len(black)} masks", "are")
    what = f"{noun} {verb} {by_color} by color and {names[0]} by id, and {ids} others hold ids in three equal channels"
    return Remark("error", what, "say which with data.mask_encoding=ids or colours", tuple(black))


def _ids_as_binary(seen: SeenLabels, encoding: MaskEncoding) -> Remark | None:
    """Finds masks of the ids 0 and 1 and the ignored one, of which `binary` makes dark and light pixels."""
    ignored = encoding.source.ignore_index
    if np.flatnonzero(_gray_levels(seen)).tolist() != [0, 1, ignored] or not 1 <= encoding.threshold < ignored:
        return None
    dark, light = encoding.source.names
    what = f"the masks hold 0, 1 and {ignored} (ignored) alone, which are ids, but 1 is read as {dark} and {ignored} as"
    return Remark("error", f"{what} {light}", "give data.mask_encoding=ids")


def _gray_levels(seen: SeenLabels) -> Counts:
    """Returns the number of pixels by gray level of masks that are read as binary, int64 `[256]`."""
    return sum((m.levels for m in seen.masks.values() if m.levels is not None), start=np.zeros(256, np.int64))


def _single_class(name: str, where: str, seen: SeenLabels, encoding: MaskEncoding) -> Remark:
    table, ignored = encoding.source, encoding.source.ignore_index
    counts = sum((mask.counts for mask in seen.masks.values()), start=np.zeros(256, np.int64))
    what = f"every labeled pixel of {where} is {name}, so there is nothing to tell apart"
    values = {*np.flatnonzero(counts).tolist()}
    if encoding.kind == "binary":
        return Remark("error", what, _threshold(seen, encoding))
    if len(values) == 2 and ignored in values and not encoding.groups:
        two = "" if len(table) == 2 else " and a class table of two classes"
        first = table.stored_values[min(values)]
        return Remark(
            "error",
            what,
            f"the masks hold {first} and {ignored} (ignored) alone; if {ignored} is a class, give "
            f"data.mask_encoding=binary{two}",
        )
    return Remark("error", what, _check_table(encoding))


def _threshold(seen: SeenLabels, encoding: MaskEncoding) -> str:
    """Describes the gray levels of binary masks of a single class, and names what would separate two."""
    used = np.flatnonzero(_gray_levels(seen))
    if len(used) < 2:
        return f"the masks hold gray level {used[0] if len(used) else '0'} alone: export them with their labels"
    if used.tolist() == [0, 1]:
        return "the masks hold 0 and 1 alone, which are ids: give data.mask_encoding=ids"
    gap = int(np.diff(used).argmax())
    return (
        f"the gray levels {used[0]} to {used[-1]} are on one side of data.mask_threshold={encoding.threshold}: give "
        f"one between two of them, such as data.mask_threshold={(used[gap] + used[gap + 1]) // 2}"
    )


def _doubts(seen: SeenLabels, encoding: MaskEncoding) -> list[Remark]:
    """Returns remarks on labels that may be wrong although they are classes."""
    remarks, of = [], f"{len(seen.masks)} masks" if seen.complete else f"the {len(seen.masks)} masks looked at"
    unknown = sum((mask.unknown for mask in seen.masks.values()), start=Counter[Label]())
    if unknown and encoding.unknown == "ignore":
        known = sum(int(mask.counts.sum()) for mask in seen.masks.values())
        share = unknown.total() / (known + unknown.total())
        listed = tuple(label_name(label) for label, _ in unknown.most_common())
        what = f"{100 * share:.3g} % of the pixels of {of} are of no class and left out"
        remarks.append(Remark("warning", what, "give data.unknown=error to refuse them", listed))
    levels = np.flatnonzero(_gray_levels(seen)).tolist()
    split = levels and levels[0] <= encoding.threshold < levels[-1] and not _ids_as_binary(seen, encoding)
    if split and 2 < len(levels) <= _FEW_LEVELS:
        what = f"{of} hold {len(levels)} gray levels, and those up to {encoding.threshold} are read as "
        what += f"{encoding.source.names[0]}, the others as {encoding.source.names[1]}"
        remedy = "if each is a class, give data.mask_encoding=ids and a class table with these values as id"
        remarks.append(Remark("warning", what, remedy, tuple(map(str, levels))))
    lossy = {name: mask.lossy for name, mask in seen.masks.items() if mask.lossy}
    if lossy and encoding.kind != "binary":
        values = "ids" if encoding.kind == "ids" else "colors"
        what = f"{len(lossy)} of {of} are {next(iter(lossy.values()))}, whose compression changes {values} along edges"
        remarks.append(Remark("warning", what, "save masks as PNG from the source", tuple(lossy)))
    nodata = {name: mask.nodata_class for name, mask in seen.masks.items() if mask.nodata_class}
    if nodata:
        name = next(iter(nodata.values()))
        what = f"{len(nodata)} of {of} call the value of {name} no data, and it is read as {name}"
        remedy = f"if it is no label, give data.class_groups={{ignored: [{name}]}}"
        remarks.append(Remark("warning", what, remedy, tuple(nodata)))
    return remarks


def _check_table(encoding: MaskEncoding) -> str:
    """Names the class table and the other choices of the user that may be wrong."""
    made: Mapping[str, bool] = {
        f"data.colour_tolerance={encoding.colour_tolerance:g}": encoding.colour_tolerance > 0,
        "data.unknown=ignore": encoding.unknown == "ignore",
        f"data.mask_encoding={encoding.kind}": encoding.kind != "auto",
        "data.class_groups": bool(encoding.groups),
    }
    given = [name for name, is_made in made.items() if is_made]
    choices = f", and that {' and '.join(given)} fits them" if given else ""
    return f"check that data.classes is the table of these masks{choices}"
