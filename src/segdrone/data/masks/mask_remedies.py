"""Describe the values of masks that no class has, and name only remedies that keep the classes apart."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segdrone.data.masks.label_lookup import Label, label_name
from segdrone.errors import shorten_list

if TYPE_CHECKING:
    from segdrone.data.masks.mask_encoding import MaskEncoding

_STRAY_SHARE = 0.05  # of the pixels: more is a class of its own, not a slip
_NEAR = 40.0  # largest distance of a color from that of its class that a tolerance should bridge
_FEW = 5  # colors that can be given rows of the class table
_MANY = 100_000  # colors: more cannot be compared at once
_DARK, _LIGHT, _GRAY = 32, 0.878, 8  # gray levels below; from this share of white; difference of channels


def describe_unknown(
    path: Path, unknown: Counter[Label], known: NDArray[np.int64], encoding: MaskEncoding, lossy: str = ""
) -> str:
    """Returns one line: the values of a mask that no class has, and what to do.

    Args:
        path: The mask.
        unknown: Number of pixels by value or color that no class has.
        known: Number of the other pixels by id of `encoding.source`, int64 `[256]`.
        encoding: How the mask was read.
        lossy: Name of the compression that changed values in the file; empty if none did.
    """
    listed = shorten_list(unknown.most_common(), 5, lambda item: f"{label_name(item[0])} ({item[1]} pixels)")
    table = encoding.source
    ids = f"ids 0 to {len(table) - 1}"
    if table.mask_values is not None:
        ids = f"its ids are {', '.join(map(str, table.mask_values[:10]))}{'...' if len(table) > 10 else ''}"
    ignored = sorted({table.ignore_index, *table.ignored_values} - {*(table.mask_values or ())})
    without = f", {' and '.join(map(str, ignored))} {'is' if len(ignored) == 1 else 'are'} ignored" if ignored else ""
    return (
        f"{path} holds {listed}, not in the class table of {len(table)} classes ({ids}{without}): "
        f"{remedies(unknown, known, encoding, lossy)}"
    )


def remedies(unknown: Counter[Label], known: NDArray[np.int64], encoding: MaskEncoding, lossy: str) -> str:
    """Returns what to do about values that no class has, the likeliest first.

    An option is named only if several classes remain with it, and none if the encoding has a remedy of its own.

    Args:
        unknown: Number of pixels by value or color that no class has, of a mask or of all.
        known: Number of the other pixels by id of `encoding.source`, int64 `[256]`.
        encoding: How the masks were read.
        lossy: Name of the compression that changed values in the files; empty if none did.
    """
    of_file = f"; {lossy} compression changes ids and colors: save masks as PNG" if lossy else ""
    if encoding.remedy:
        return f"fix the mask, or {encoding.remedy}{of_file}"
    has_colors = any(isinstance(value, tuple) for value in unknown)
    share = unknown.total() / (unknown.total() + int(known.sum()))
    found = encoding.remap_counts(known)[: len(encoding.table)]
    stray = share <= _STRAY_SHARE and int(np.count_nonzero(found)) > 1
    black_and_white = _is_black_and_white(unknown, known, encoding)
    begins_at_1 = {*unknown} == {len(encoding.source)} and encoding.source.mask_values is None and not known[0]
    advice = []
    if begins_at_1:
        advice.append("if ids begin at 1, give them in a column `id` of the class table")
    if black_and_white:
        two = "" if len(encoding.source) == 2 else " and a class table of two classes"
        advice.append(f"read dark and light pixels as two classes with data.mask_encoding=binary{two}")
    if has_colors and (tolerance := _tolerance(unknown, known, encoding, stray=stray)):
        advice.append(f"accept similar colors with data.colour_tolerance={tolerance}")
    if stray and (has_colors or not lossy):
        advice.append(f"leave these pixels out ({100 * share:.2g} %) with data.unknown=ignore")
    if has_colors and len(unknown) <= _FEW and not black_and_white:
        advice.append("give these colors rows in the class table, named `ignored` if they are no class")
    elif not (has_colors or stray or lossy or black_and_white or begins_at_1) and all(
        value in range(256) for value in unknown
    ):
        advice.append("give the ids of the classes in a column `id` of the class table")
    return "; or ".join([*advice, "fix the mask or give its table with data.classes=FILE.csv"]) + of_file


def _is_black_and_white(unknown: Counter[Label], known: NDArray[np.int64], encoding: MaskEncoding) -> bool:
    """Whether the masks look drawn in black and white: almost all gray levels near the ends, some of them unknown."""
    table = encoding.source
    has_colors = any(isinstance(value, tuple) for value in unknown)
    values: list[Label] = [*table.colours] if has_colors else [*table.stored_values]
    levels: Counter[float] = Counter({255: int(known[table.ignore_index])})
    for label, count in [*unknown.items(), *zip(values, known.tolist(), strict=False)]:
        if count and not 0 <= _gray(label) < math.inf:
            return False
        levels[_gray(label)] += count
    levels = +levels
    white = max(255, *levels) * _LIGHT  # 65535 in files of 16 bits
    dark = sum(count for level, count in levels.items() if level < _DARK)
    light = sum(count for level, count in levels.items() if level >= white)
    artifacts = [label for label in unknown if _gray(label) >= white]
    classes = np.count_nonzero(known[: len(table)])
    if not has_colors and classes > 2 and (len(artifacts) < 3 or unknown.total() < 0.05 * levels.total()):
        return False  # these are classes, not 0 with artifacts
    return min(dark, light) > 0 and dark + light >= 0.9 * levels.total() and bool(artifacts or has_colors)


def _gray(label: Label) -> float:
    """Returns the gray level of a value or a color; -1 if the channels of the color differ."""
    if not isinstance(label, tuple):
        return label
    return label[0] if max(label) - min(label) <= _GRAY else -1


def _tolerance(unknown: Counter[Label], known: NDArray[np.int64], encoding: MaskEncoding, *, stray: bool) -> int:
    """Returns the tolerance that reaches every unknown color; 0 if it could join what belongs apart.

    No color may be about as near to a second class. A few colors that cover much are classes of their own if the class
    that they are near to occurs besides.
    """
    table = np.array(encoding.source.colours, np.float64)
    colors = np.array([value for value in unknown if isinstance(value, tuple)], np.float64)
    if len(colors) != len(unknown) or len(colors) > _MANY:
        return 0
    distances = np.sqrt(((colors[:, None] - table) ** 2).sum(-1))
    ordered = np.sort(distances, axis=1)
    largest = float(ordered[:, 0].max())
    if largest > _NEAR or (ordered.shape[1] > 1 and (ordered[:, 1] < 2 * largest).any()):
        return 0
    nearest, present = {*distances.argmin(1).tolist()}, {*np.flatnonzero(known[: len(table)]).tolist()}
    if len(nearest | present) < 2 or (not stray and len(colors) <= _FEW and nearest & present):
        return 0
    return 5 * math.ceil(largest / 5)
