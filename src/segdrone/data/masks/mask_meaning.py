"""Decide what the pixels of a mask mean: ids, colors of classes, or dark and light.

One meaning is read; two that differ are asked about; where there is none, the error names what would decide.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segdrone.data.masks.label_lookup import Decoded, LabelLookup, count_labels
from segdrone.data.masks.stored_mask import StoredMask
from segdrone.errors import DataError
from segdrone.raster.pixels import count_values

if TYPE_CHECKING:
    from segdrone.data.masks.mask_encoding import MaskEncoding


def decode_mask(stored: StoredMask, encoding: MaskEncoding) -> Decoded:
    """Returns the ids of `encoding.source` that a mask holds, and its values that no class has.

    Raises:
        DataError: The mask cannot be read with `encoding.kind`; or with `auto` and it has two meanings, or its ids
            went through a lossy compression.
    """
    ways = {"binary": _decode_binary, "colours": _decode_colors, "ids": _decode_ids, "auto": _decode_either}
    if encoding.kind in ("colours", "auto"):
        stored = stored.narrowed
    decoded = _hide_transparent(ways[encoding.kind](stored, encoding), stored)
    return decoded._replace(lossy=stored.lossy)


def _decode_ids(stored: StoredMask, encoding: MaskEncoding) -> Decoded:
    values = stored.values if stored.values is not None else stored.equal_channels
    if values is None:
        raise DataError(f"holds colors, not ids: {encoding.remedy or 'give data.mask_encoding=colours'}")
    return encoding.lookup.ids(values, stored.nodata)


def _decode_colors(stored: StoredMask, encoding: MaskEncoding) -> Decoded:
    if stored.colors is None and stored.palette is None:
        values = stored.values
        if values is None or values.dtype != np.uint8:
            raise DataError("holds values of more than 8 bits, not colors: give data.mask_encoding=ids")
    return encoding.lookup.colors(_colors(stored))


def _colors(stored: StoredMask) -> NDArray[np.uint8]:
    """Returns the colors of the pixels, uint8 `[H, W, 3]`; those of gray values are gray."""
    is_gray = stored.colors is None and stored.palette is None
    return np.repeat(stored.brightness[..., None], 3, axis=2) if is_gray else stored.painted


def _decode_binary(stored: StoredMask, encoding: MaskEncoding) -> Decoded:
    brightness = stored.brightness
    light = brightness > encoding.threshold
    if not light.any() and not stored.lossy and {*np.unique(brightness).tolist()} == {0, 1}:
        raise DataError(
            f"holds 0 and 1 alone, which are ids, and none is above data.mask_threshold={encoding.threshold}: "
            f"{encoding.remedy or 'give data.mask_encoding=ids'}"
        )
    return Decoded(light.astype(np.uint8), Counter())


def _decode_either(stored: StoredMask, encoding: MaskEncoding) -> Decoded:
    if stored.palette is not None:
        return _decode_palette(stored, encoding)
    if stored.values is not None:
        return _decode_gray(stored, encoding)
    lookup = encoding.lookup
    colors = _try_colors(stored, lookup)
    may_be_gray = colors is None or bool(colors.unknown) or {*np.unique(colors.mask)} <= _gray_classes(lookup)
    values = stored.equal_channels if may_be_gray else None
    if values is None:
        return colors if colors is not None else lookup.colors(stored.painted)  # raises again
    ids = lookup.ids(values, stored.nodata)
    if colors is None:
        return lookup.colors(stored.painted) if ids.unknown else _check_lossless(ids, stored, encoding)
    differ = (colors.mask != ids.mask) & (ids.mask != lookup.table.ignore_index)
    if not colors.unknown and not ids.unknown and (differ & (ids.mask != 0)).any():
        raise DataError(_two_meanings(ids, colors, encoding))
    if not colors.unknown or colors.unknown_share <= ids.unknown_share:
        return colors._replace(meaning="black" if not ids.unknown and differ.any() else "")
    return _check_lossless(ids, stored, encoding)._replace(meaning="ids")


def _decode_gray(stored: StoredMask, encoding: MaskEncoding) -> Decoded:
    values, lookup = stored.values, encoding.lookup
    assert values is not None
    ids = lookup.ids(values, stored.nodata)
    grays, known = lookup.grays, lookup.values
    other = [value for value, class_id in grays.items() if known.get(value) != class_id]
    if values.dtype != np.uint8 or not other or (stored.white == 255 and values.max(initial=0) < min(other)):
        return _check_lossless(ids, stored, encoding)
    present = [int(value) for value in np.flatnonzero(count_values(stored.brightness))]
    if any(value not in grays for value in present):
        return _check_lossless(ids, stored, encoding)
    colors = _decode_colors(stored, encoding)  # all levels are gray colors of classes
    if ids.unknown:
        return colors
    if (colors.mask != ids.mask).any():
        raise DataError(_two_meanings(ids, colors, encoding))
    return ids


def _decode_palette(stored: StoredMask, encoding: MaskEncoding) -> Decoded:
    """Decodes indices with colors. Colors that are known decide whether the indices are ids."""
    values, palette, lookup = stored.values, stored.palette, encoding.lookup
    assert values is not None and palette is not None
    ids = lookup.ids(values, stored.nodata)
    used = np.flatnonzero(count_values(values))
    used = used[used < len(palette)].astype(np.uint8)
    colors = _try_colors(StoredMask(colors=palette[used][None]), lookup) if len(used) else None
    if colors is None:
        return ids
    stray = [color in colors.unknown for color in map(tuple, palette[used].tolist())]
    differ = ~np.array(stray) & (lookup.ids(used[None]).mask[0] != colors.mask[0])
    if not differ.any():
        return ids if any(stray) or not ids.unknown else _decode_colors(stored, encoding)
    if ids.unknown:
        return _decode_colors(stored, encoding)
    first, names = int(differ.argmax()), encoding.source.names
    strays = [tuple(color) for color, is_stray in zip(palette[used].tolist(), stray, strict=True) if is_stray]
    note = f", the latter with data.unknown=ignore for rgb{strays[0]}" if strays else ""
    raise DataError(
        f"is a palette image whose indices and colors are different classes: index {used[first]} has the color of "
        f"{_class_name(names, int(colors.mask[0, first]))}; "
        f"{encoding.remedy or f'choose with data.mask_encoding=ids or colours{note}'}"
    )


def _try_colors(stored: StoredMask, lookup: LabelLookup) -> Decoded | None:
    """Looks up colors; None if classes share a color."""
    try:
        return lookup.colors(stored.painted)
    except DataError:
        return None


def _check_lossless(ids: Decoded, stored: StoredMask, encoding: MaskEncoding) -> Decoded:
    if stored.lossy and not (ids.unknown and encoding.unknown == "error"):
        ways = []
        if len({*np.unique(ids.mask).tolist()} - {encoding.source.ignore_index}) > 1:
            ways.append("take them as they are with data.mask_encoding=ids")
        if len({*(np.unique(stored.brightness) > 127).tolist()}) == 2 and not encoding.light_is_first:
            two = "" if len(encoding.source) == 2 else " and a class table of two classes"
            ways.append(f"read dark and light with data.mask_encoding=binary{two}")
        raise DataError(
            f"holds ids in {stored.lossy}, whose compression changes them, also to ids of other classes: "
            + ", or ".join(["save masks as PNG from the source", *(ways if not encoding.remedy else ())])
        )
    return ids


def _hide_transparent(decoded: Decoded, stored: StoredMask) -> Decoded:
    """Takes unknown values of transparent pixels for no label."""
    if not decoded.unknown or stored.visible is None:
        return decoded
    if isinstance(next(iter(decoded.unknown)), tuple):
        pixels = _colors(stored)
    else:
        pixels = stored.values if stored.values is not None else stored.painted[..., 0]
    return decoded._replace(unknown=decoded.unknown - count_labels(pixels[~stored.visible]))


def _gray_classes(lookup: LabelLookup) -> set[int]:
    """Returns the classes whose colors have equal channels, within the tolerance; and the ignored id."""
    table, far = lookup.table, lookup.colour_tolerance
    near = {i for i, color in enumerate(table.colours) if max(color) - min(color) <= 2 * far}
    return near | {table.ignore_index}


def _class_name(names: tuple[str, ...], class_id: int) -> str:
    return names[class_id] if class_id < len(names) else "no class (ignored)"


def _two_meanings(ids: Decoded, colors: Decoded, encoding: MaskEncoding) -> str:
    """Describes gray levels that are ids and colors of other classes. What leaves a single class is not advised."""
    at = np.unravel_index(int((ids.mask != colors.mask).argmax()), ids.mask.shape)
    names, ignored = encoding.source.names, encoding.source.ignore_index
    as_id, as_color = (_class_name(names, int(decoded.mask[at])) for decoded in (ids, colors))
    ways = ["colours"]
    if len(names) == 2 and colors.mask.max() == 1 and not encoding.light_is_first:
        ways.append("binary")
    if len({*np.unique(ids.mask)} - {ignored}) > 1:
        ways.append("ids")
    which = f"say which with {' or '.join(f'data.mask_encoding={way}' for way in ways)}"
    return (
        f"holds gray levels that are ids of the class table and colors of it, but of different classes: at row "
        f"{at[0]}, column {at[1]} {as_id} by id, {as_color} by color; {encoding.remedy or which}"
    )
