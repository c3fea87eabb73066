"""Read mask files as class ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.label_lookup import Decoded
from segdrone.data.masks.mask_encoding import MaskEncoding, UnknownLabelsError
from segdrone.data.masks.mask_meaning import decode_mask
from segdrone.data.masks.mask_remedies import describe_unknown
from segdrone.data.masks.stored_mask import name_in_errors, read_stored
from segdrone.errors import DataError
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
        raise DataError(describe_unknown(path, unknown.labels, unknown.known, encoding, unknown.lossy)) from None


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
        DataError: As `decode_file`.
    """
    decoded = decode_file(path, encoding)
    if decoded.unknown and encoding.unknown == "error":
        raise UnknownLabelsError(decoded)
    return decoded.mask


def decode_file(path: Path, encoding: MaskEncoding) -> Decoded:
    """Reads a mask, with the values that no class has, which are ignored in it.

    Raises:
        DataError: The file is missing, not an image or truncated, its pixels cannot hold classes, or they could mean
            two things.
    """
    with name_in_errors(path):
        return decode_mask(read_stored(path), encoding)
