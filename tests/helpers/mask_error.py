"""The error of reading a broken mask."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import DataError
from tests.helpers.image_files import checked_text


def mask_error(path: Path, encoding: ClassTable | MaskEncoding) -> str:
    """The error of reading a mask: one line that names the file. A table is read with its default encoding."""
    with pytest.raises(DataError) as caught:
        read_mask(path, encoding if isinstance(encoding, MaskEncoding) else MaskEncoding(encoding))
    return checked_text(path, caught.value)
