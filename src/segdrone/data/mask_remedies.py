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
_MANY = 60  # values: more are no ids of classes but a gradient


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
    if share <= _STRAY_SHARE and found > 1:
        advice.append(f"leave these pixels out ({100 * share:.2g} %) with data.unknown=ignore")
    if not has_colors and len(unknown) <= _MANY and all(v in range(256) for v in unknown) and not lossy:
        advice.append("give the ids of the classes in a column `id` of the class table")
    elif has_colors and len(unknown) <= _MANY:
        advice.append("give a color that is no class a row named `ignored` in the class table")
    last = "fix the mask or give its table with data.classes=FILE.csv"
    text = "; or ".join([*advice, last]) if advice else last
    return text + ("; JPEG compression changes ids and colors: save masks as PNG" if lossy else "")


def _is_dark_and_light(unknown: Counter[Label], known: NDArray[np.int64], encoding: MaskEncoding) -> bool:
    """Whether gray levels are almost all near black or near white, and some of each."""
    levels = np.zeros(256, np.int64)
    for value, count in unknown.items():
        gray = value[0] if isinstance(value, tuple) else value
        if (isinstance(value, tuple) and max(value) - min(value) > 8) or not 0 <= gray <= 255:
            return False
        levels[int(gray)] += count
    if any(isinstance(value, tuple) for value in unknown):
        for color, count in zip(encoding.source.colours, known, strict=False):
            if count and max(color) - min(color) > 8:
                return False
            levels[color[0]] += count
    else:
        values = encoding.source.mask_values or range(len(encoding.source))
        for value, count in zip(values, known, strict=False):
            levels[value] += count
    levels[255] += known[encoding.source.ignore_index]
    dark, light, total = levels[:32].sum(), levels[224:].sum(), levels.sum()
    return bool(min(dark, light) > 0 and dark + light >= 0.9 * total)


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
