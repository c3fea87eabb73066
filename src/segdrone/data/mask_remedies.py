"""Describe the values of masks that no class has, and name only remedies that keep the classes apart."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segdrone.data.label_lookup import Label, label_name

if TYPE_CHECKING:
    from segdrone.data.mask_encoding import MaskEncoding

_STRAY_SHARE = 0.05  # of the pixels: more is a class of its own, not a slip
_NEAR = 40.0  # largest distance of a color from that of its class that a tolerance should bridge
_FEW = 5  # colors that can be given rows of the class table
_MANY = 60  # values: more are no ids of classes but a gradient
_DARK, _LIGHT, _GRAY = 32, 224, 8  # gray levels below and from which, and difference of channels up to which


def describe_unknown(path: Path, unknown: Counter[Label], known: NDArray[np.int64], encoding: MaskEncoding) -> str:
    """Returns one line: the values of a mask that no class has, and what to do.

    Args:
        path: The mask.
        unknown: Number of pixels by value or color that no class has.
        known: Number of the other pixels by id of `encoding.source`, int64 `[256]`.
        encoding: How the mask was read.
    """
    listed = ", ".join(f"{label_name(value)} ({count} pixels)" for value, count in unknown.most_common(5))
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    table = encoding.source
    if table.mask_values is not None:
        ids = f"its values are {', '.join(map(str, table.mask_values[:10]))}{'...' if len(table) > 10 else ''}"
    else:
        ids = f"ids 0 to {len(table) - 1}"
    return (
        f"{path} holds {listed}{more}, not in the class table of {len(table)} classes ({ids}, {table.ignore_index} is "
        f"ignored): {remedies(unknown, known, encoding, lossy=path.suffix.lower() in ('.jpg', '.jpeg'))}"
    )


def remedies(unknown: Counter[Label], known: NDArray[np.int64], encoding: MaskEncoding, *, lossy: bool) -> str:
    """Returns what to do about values that no class has, the likeliest first.

    Args:
        unknown: Number of pixels by value or color that no class has, of a mask or of all.
        known: Number of the other pixels by id of `encoding.source`, int64 `[256]`.
        encoding: How the masks were read.
        lossy: Whether the masks are JPEG.
    """
    classes = encoding.remap_counts(known)[: len(encoding.table)]
    found, share = int((classes > 0).sum()), unknown.total() / max(1, unknown.total() + int(known.sum()))
    has_colors = any(isinstance(value, tuple) for value in unknown)
    advice = []
    if _is_dark_and_light(unknown, known, encoding):
        two = "" if len(encoding.source) == 2 else " and a class table of two classes"
        advice.append(f"read dark and light pixels as two classes with data.mask_encoding=binary{two}")
    if has_colors:
        tolerance, nearest = _tolerance(unknown, encoding)
        if tolerance and len({*nearest, *np.flatnonzero(known[: len(encoding.source)])}) > 1:
            advice.append(f"accept similar colors with data.colour_tolerance={tolerance}")
    stray = share <= _STRAY_SHARE and found > 1
    if stray:
        advice.append(f"leave these pixels out ({100 * share:.2g} %) with data.unknown=ignore")
    if not has_colors and not stray and not lossy and len(unknown) <= _MANY and all(v in range(256) for v in unknown):
        advice.append("give the ids of the classes in a column `id` of the class table")
    elif has_colors and len(unknown) <= _FEW:
        advice.append("give a color that is no class a row named `ignored` in the class table")
    last = "fix the mask or give its table with data.classes=FILE.csv"
    text = "; or ".join([*advice, last]) if advice else last
    return text + ("; JPEG compression changes ids and colors: save masks as PNG" if lossy else "")


def _is_dark_and_light(unknown: Counter[Label], known: NDArray[np.int64], encoding: MaskEncoding) -> bool:
    """Whether the masks look drawn in black and white: almost all gray levels near the ends, some of them unknown."""
    table, levels = encoding.source, np.zeros(256, np.int64)
    for value, count in unknown.items():
        channels = value if isinstance(value, tuple) else (value,)
        if max(channels) - min(channels) > _GRAY or not 0 <= channels[0] <= 255:
            return False
        levels[int(channels[0])] += count
    if not levels[:_DARK].any() and not levels[_LIGHT:].any():
        return False
    has_colors = any(isinstance(value, tuple) for value in unknown)
    for color, value, count in zip(table.colours, table.mask_values or range(len(table)), known, strict=False):
        if has_colors and count and max(color) - min(color) > _GRAY:
            return False
        levels[color[0] if has_colors else value] += count
    levels[255] += known[table.ignore_index]
    if not has_colors and np.count_nonzero(known[: len(table)]) > 2:  # classes, not 0 and 1 beside black
        return False
    dark, light = levels[:_DARK].sum(), levels[_LIGHT:].sum()
    return bool(min(dark, light) > 0 and dark + light >= 0.9 * levels.sum())


def _tolerance(unknown: Counter[Label], encoding: MaskEncoding) -> tuple[int, set[int]]:
    """Returns the tolerance that reaches every unknown color, and the classes that they become.

    0 and no class if a color is far from all classes, or about as near to a second one.
    """
    table = np.array(encoding.source.colours, np.float64)
    colors = np.array([value for value in unknown if isinstance(value, tuple)], np.float64)
    if len(colors) != len(unknown) or len(colors) > 100_000:
        return 0, set()
    distances = np.sqrt(((colors[:, None] - table) ** 2).sum(-1))
    ordered = np.sort(distances, axis=1)
    largest = float(ordered[:, 0].max())
    if largest > _NEAR or (ordered.shape[1] > 1 and (ordered[:, 1] < 2 * largest).any()):
        return 0, set()
    return 5 * math.ceil(largest / 5), {int(i) for i in distances.argmin(1)}
