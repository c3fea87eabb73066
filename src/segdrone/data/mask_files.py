"""Read mask files as class ids."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.data.mask_encoding import MaskEncoding, UnknownLabelsError
from segdrone.data.pairs import ImageMaskPair
from segdrone.errors import DataError
from segdrone.raster.decode import open_upright
from segdrone.raster.header import COLOR_MODES
from segdrone.raster.photograph import PhotographSource
from segdrone.windows import Window


def read_mask(path: Path, encoding: MaskEncoding) -> NDArray[np.uint8]:
    """Returns a mask as uint8 `[H, W]` of ids of `encoding.source`, that is before classes are merged.

    Raises:
        DataError: The file is missing, not an image or truncated, or holds an id or a color that is not in the
            class table.
    """
    try:
        return read_ids(path, encoding)
    except UnknownLabelsError as unknown:
        raise DataError(_describe_unknown(path, unknown.counts, encoding)) from None


def read_pair_mask(pair: ImageMaskPair, encoding: MaskEncoding) -> NDArray[np.uint8]:
    """Returns the mask of a pair at its own size, uint8 `[H, W]` of ids of `encoding.table`.

    Classes are merged, and pixels that the photograph marks as no data have the ignored id. Training and evaluation
    both use this mask.

    Raises:
        DataError: The pair has no mask, or as `read_mask`.
    """
    mask = encoding.remap(read_mask(mask_path(pair), encoding))
    if pair.marks_no_data:
        mask = np.where(read_valid(pair), mask, np.uint8(encoding.table.ignore_index))
    return mask


def read_valid(pair: ImageMaskPair) -> NDArray[np.bool_]:
    """Returns which pixels of a pair's photograph are valid, neither transparent nor no data: bool `[H, W]`.

    Raises:
        DataError: The photograph cannot be read.
    """
    return PhotographSource(pair.image, channels=pair.channels).valid(Window(0, 0, *pair.size))


def mask_path(pair: ImageMaskPair) -> Path:
    """Returns the mask file of a pair.

    Raises:
        DataError: It has none.
    """
    if pair.mask is None:
        raise DataError(f"{pair.image} has no mask: it can be predicted, but not used for training or scores")
    return pair.mask


def read_ids(path: Path, encoding: MaskEncoding) -> NDArray[np.uint8]:
    """Reads a mask as `read_mask` does, but raises unknown labels with their counts.

    Raises:
        UnknownLabelsError: The mask holds ids or colors that are not in the class table.
        DataError: The file is missing, not an image or truncated, or its pixels cannot hold ids.
    """
    try:
        with open_upright(path) as image:
            return _decode(image, encoding)
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path} {error}") from None


def _decode(image: Image.Image, encoding: MaskEncoding) -> NDArray[np.uint8]:
    kind = encoding.kind
    if kind == "auto":
        kind = "colours" if image.mode in COLOR_MODES else "ids"
        if image.mode == "P":
            _refuse_ambiguous_palette(image, encoding)
    if kind == "colours":
        return encoding.decode_colors(np.asarray(image.convert("RGB")))
    if kind == "binary":
        return encoding.decode_binary(np.asarray(image if image.mode[0] in "IF" else image.convert("L")))
    if image.mode in COLOR_MODES:
        channels = np.asarray(image.convert("RGB"))
        if (channels != channels[..., :1]).any():
            raise DataError("holds colors, not ids: give data.mask_encoding=colours")
        return encoding.decode_ids(channels[..., 0])
    values = np.asarray(image.convert("L") if image.mode in ("LA", "1") else image)
    if values.ndim != 2:
        raise DataError(f"has pixels of type {image.mode}, neither ids nor RGB: convert it to 8-bit gray or RGB")
    return encoding.decode_ids(values // 255 if image.mode == "1" else values)


def _refuse_ambiguous_palette(image: Image.Image, encoding: MaskEncoding) -> None:
    """Refuses a palette mask whose indices and whose colors are both valid, but are different classes."""
    indices = np.flatnonzero(image.histogram())
    palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    if indices.max() >= len(palette):
        return
    try:
        ids = encoding.decode_colors(palette[indices][None])[0]
    except (UnknownLabelsError, DataError):  # the palette does not hold the classes' colors, so the indices count
        return
    if (ids != indices).any():
        raise DataError(
            f"is a palette image whose indices ({indices[0]}, ...) and colors (those of class {ids[0]}, ...) are "
            "different classes: choose with data.mask_encoding=ids or colours"
        )


def _describe_unknown(path: Path, counts: Counter[str], encoding: MaskEncoding) -> str:
    listed = ", ".join(f"{value} ({count} pixels)" for value, count in counts.most_common(5))
    more = f" and {len(counts) - 5} more" if len(counts) > 5 else ""
    table = encoding.source
    has_colors = any(value.startswith("color") for value in counts)
    hint = ", or accept similar colors with data.colour_tolerance=20" if has_colors else ""
    if path.suffix.lower() in (".jpg", ".jpeg"):
        hint += "; JPEG compression changes ids and colors: save masks as PNG"
    return (
        f"{path} holds {listed}{more}, not in the class table of {len(table)} classes "
        f"(ids 0 to {len(table) - 1}, {table.ignore_index} is ignored): fix the mask "
        f"or give its table with data.classes=FILE.csv{hint}"
    )
