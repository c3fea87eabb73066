"""Photographs that an annotation file contains in base64, as LabelMe stores them in `imageData`."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.header import TRANSPOSED, image_orientation
from segdrone.windows import Size

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp"}


@dataclass(frozen=True)
class EmbeddedImage:
    """A photograph in the entry `imageData` of a JSON file. It is read again when it is needed, to save memory.

    Attributes:
        path: The JSON file.
        size: Height and width in pixels as displayed.
        suffix: Suffix of a file with the same content, such as `.jpg`.
        orientation: EXIF orientation, 1 (upright) to 8; LabelMe itself embeds photographs upright.
    """

    path: Path
    size: Size
    suffix: str
    orientation: int = 1

    @classmethod
    def from_base64(cls, encoded: str, path: Path) -> EmbeddedImage:
        """Reads the header of a photograph in base64.

        Raises:
            DataError: It is not an image in JPEG, PNG, TIFF or WebP.
        """
        try:
            with Image.open(BytesIO(base64.b64decode(encoded)), formats=tuple(_SUFFIXES)) as image:
                width, height = image.size
                orientation = image_orientation(image)
                if orientation in TRANSPOSED:
                    width, height = height, width
                return cls(path, (height, width), _SUFFIXES[str(image.format)], orientation)
        except Exception:  # Pillow raises many types on broken files
            raise DataError(
                f"{path}: imageData is not an image (JPEG, PNG, TIFF or WebP): save the annotations again"
            ) from None

    def read(self) -> bytes:
        """Returns the content of the image file.

        Raises:
            DataError: The annotation file has changed since.
        """
        try:
            return base64.b64decode(json.loads(self.path.read_bytes())["imageData"])
        except (OSError, ValueError, LookupError, TypeError):
            raise DataError(f"{self.path} changed while it was imported: run again") from None
