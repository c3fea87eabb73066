"""Small photographs and masks in files, and what is said against them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.data.mask_encoding import MaskEncoding, read_mask
from segdrone.errors import DataError
from segdrone.raster.decode import read_image

HEIGHT, WIDTH = 8, 12


def colours(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ids(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, len(DRONE), (height, width), dtype=np.uint8)


def write(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def refusal(path: Path, table: ClassTable | None = None) -> str:
    with pytest.raises(DataError) as caught:
        if table is None:
            read_image(path)
        else:
            read_mask(path, MaskEncoding(table))
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


FEW = ClassTable(("road", "grass", "tree"), ((10, 20, 30), (100, 110, 120), (200, 40, 90)))


def few(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, len(FEW), (height, width), dtype=np.uint8)


def paletted(values: NDArray[np.uint8], palette: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(values)
    image.putpalette(palette.tobytes())
    return image


def told(path: Path, labels: MaskEncoding) -> str:
    """What is said against a mask, in one line that names the file."""
    with pytest.raises(DataError) as caught:
        read_mask(path, labels)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    """A picture that no reflection or turn leaves as it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 255 / height, columns * 255 / width, np.full((height, width), 60)], -1).astype(np.uint8)
