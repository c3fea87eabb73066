"""Write changed class ids into a mask file in the form that it has: ids or colors, gray, palette or RGB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import Color
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_meaning import decode_mask
from segdrone.data.masks.stored_mask import StoredMask, read_stored
from segdrone.errors import DataError
from segdrone.raster.encode_like import whole_palette, write_like

Mask = NDArray[np.uint8]


class _Form(NamedTuple):
    """A way to hold classes.

    Attributes:
        stored: The mask, whose values or colors are to be replaced.
        codes: Value or color by class id.
    """

    stored: StoredMask
    codes: Mapping[int, int | Color]


def recode(stored: StoredMask, before: Mask | None, after: Mask, encoding: MaskEncoding) -> StoredMask:
    """Returns a mask in the form of another one, which is read as other classes; equal pixels keep their values.

    Args:
        stored: The mask as its file holds it, or any mask of the dataset for a photograph that has none.
        before: Ids of `encoding.source` that `stored` is read as, uint8 `[H, W]`; None takes only the form from it.
        after: Ids to write, uint8 `[H, W]`.
        encoding: How masks hold classes.

    Raises:
        DataError: No value or color of this form is read as one of the classes; the text goes on after a file's name.

    Example:
        >>> from segdrone.classes import ClassTable
        >>> table = ClassTable(("road", "grass"), ((90, 90, 90), (0, 200, 0)), mask_values=(7, 11))
        >>> stored, ids = StoredMask(np.array([[7, 7]], np.uint8)), np.array([[0, 0]], np.uint8)
        >>> recode(stored, ids, np.array([[0, 1]], np.uint8), MaskEncoding(table)).values.tolist()
        [[7, 11]]
    """
    stored = replace(stored.narrowed if encoding.kind in ("colours", "auto") else stored, lossy="")
    changed = np.ones(after.shape, bool) if before is None else before != after
    needed = [int(i) for i in np.unique(after[changed])]
    forms = [*_forms(_sized(stored, after.shape) if before is None else stored, encoding)]
    for form in forms:
        if all(i in form.codes for i in needed):
            new = _replace(form, changed, after)
            if _reads_as(new, after, encoding):
                return new
    ignored = encoding.source.ignore_index
    if ignored in needed and not any(ignored in form.codes for form in forms[:1]):
        what, row = "colors, and the class table has none", ", or give the class table a row `ignored` with a color"
        if encoding.kind == "binary":
            what, row = "dark and light pixels, and neither", ""
        elif forms[0].stored.colors is None:
            what, row = "ids, and the class table has none", row.replace("a color", "an id of its own")
        raise DataError(
            f"holds {what} for the {int((changed & (after == ignored)).sum())} pixels that the corrections leave "
            f"without a label: give --background CLASS for pixels outside of all shapes{row}"
        )
    raise DataError(
        "cannot hold the corrected classes so that they are read again: say what its values are with "
        "data.mask_encoding=ids or colours"
    )


def write_stored(stored: StoredMask, path: Path, like: Path, photograph: Path | None = None) -> None:
    """Writes a mask in the format of another file, PNG or TIFF, without flushing it to disk; arguments as `write_like`.

    Raises:
        OSError: It cannot be written.
        DataError: The other file has another format, or the values are no integers of 8 or 16 bits.
    """
    pixels = stored.colors if stored.colors is not None else stored.values
    assert pixels is not None
    write_like(pixels, stored.palette, stored.visible, path, like, photograph)


def reads_as(path: Path, ids: Mask, encoding: MaskEncoding) -> bool:
    """Whether a file is read as these ids of `encoding.source`, uint8 `[H, W]`."""
    return _reads_as(read_stored(path), ids, encoding)


def _reads_as(stored: StoredMask, ids: Mask, encoding: MaskEncoding) -> bool:
    try:
        decoded = decode_mask(stored, encoding)
    except DataError:
        return False
    return (not decoded.unknown or encoding.unknown == "ignore") and bool((decoded.mask == ids).all())


def _forms(stored: StoredMask, encoding: MaskEncoding) -> Iterator[_Form]:
    """Yields the ways in which a mask may hold classes, the one that it is read by among them."""
    if encoding.kind == "binary":
        yield _Form(StoredMask(_as_bytes(stored.brightness), nodata=stored.nodata), {0: 0, 1: 255})
        return
    ids, colors = _value_codes(encoding), _color_codes(encoding)
    if stored.colors is not None:
        yield _Form(stored, colors)
        yield _Form(stored, {i: (value, value, value) for i, value in ids.items()})
    elif stored.palette is not None:
        yield _Form(replace(stored, palette=_with_colors(stored.palette, ids, encoding)), ids)
        entries = {tuple(color): index for index, color in reversed([*enumerate(stored.palette.tolist())])}
        yield _Form(stored, {i: entries[color] for i, color in colors.items() if color in entries})
    else:
        assert stored.values is not None
        yield _Form(replace(stored, white=255), ids)
        gray = {i: color[0] for i, color in colors.items() if color[0] == color[1] == color[2]}
        yield _Form(replace(stored, values=stored.brightness, white=255), gray)


def _value_codes(encoding: MaskEncoding) -> dict[int, int]:
    table = encoding.source
    codes = dict(enumerate(table.stored_values))
    ignored = next((v for v in (table.ignore_index, *table.ignored_values) if v not in codes.values()), None)
    return codes if ignored is None else {table.ignore_index: ignored, **codes}


def _color_codes(encoding: MaskEncoding) -> dict[int, Color]:
    table = encoding.source
    codes = dict(enumerate(table.colours))
    ignored = next((color for color in table.ignored_colors if color not in table.colours), None)
    return codes if ignored is None else {table.ignore_index: ignored, **codes}


def _with_colors(palette: Mask, ids: Mapping[int, int], encoding: MaskEncoding) -> Mask:
    """Returns a palette with the colors of classes whose values are beyond its end."""
    whole = whole_palette(palette)
    for i, value in ids.items():
        if value >= len(palette) and i < len(encoding.source):
            whole[value] = encoding.source.colours[i]
    return whole


def _replace(form: _Form, changed: NDArray[np.bool_], after: Mask) -> StoredMask:
    stored = form.stored
    visible = None if stored.visible is None else stored.visible | changed
    if stored.colors is not None:
        colors = stored.colors.copy()
        lookup = np.zeros((256, 3), np.uint8)
        lookup[[*form.codes]] = [*form.codes.values()]
        colors[changed] = lookup[after[changed]]
        return replace(stored, colors=colors, visible=visible)
    assert stored.values is not None
    values = stored.values.copy()
    codes = np.zeros(256, values.dtype)
    codes[[*form.codes]] = [*form.codes.values()]
    values[changed] = codes[after[changed]]
    return replace(stored, values=values, visible=visible)


def _sized(stored: StoredMask, shape: tuple[int, ...]) -> StoredMask:
    """Returns an empty mask of another size in the form of a mask."""
    colors = None if stored.colors is None else np.zeros((*shape, 3), np.uint8)
    values = None if stored.values is None else np.zeros(shape, stored.values.dtype)
    return replace(stored, colors=colors, values=values, visible=None)


def _as_bytes(brightness: NDArray[Any]) -> Mask:
    return brightness if brightness.dtype == np.uint8 else np.where(brightness > 255, 255, brightness).astype(np.uint8)
