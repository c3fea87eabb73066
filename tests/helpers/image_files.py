"""Small images and masks in files, and the errors of broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import DataError
from segdrone.raster.decode import read_image

HEIGHT, WIDTH = 8, 12
SMALL_TABLE = ClassTable(("road", "grass", "tree"), ((10, 20, 30), (100, 110, 120), (200, 40, 90)))


def read_mask(path: Path) -> NDArray[np.uint8]:
    """A mask file as it is: uint8 `[H, W]`."""
    with Image.open(path) as image:
        assert image.mode == "L"
        return np.array(image)


def random_image(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """An image of random colors: uint8 `[H, W, 3]`."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def gradient_image(height: int, width: int) -> NDArray[np.uint8]:
    """An image that every reflection and every turn changes: uint8 `[H, W, 3]`."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 255 / height, columns * 255 / width, np.full((height, width), 60)], -1).astype(np.uint8)


def random_ids(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """A mask of random ids of the drone table: uint8 `[H, W]`."""
    return np.random.default_rng(1).integers(0, len(DRONE), (height, width), dtype=np.uint8)


def random_small_mask(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """A mask of random ids of `SMALL_TABLE`: uint8 `[H, W]`."""
    return np.random.default_rng(3).integers(0, len(SMALL_TABLE), (height, width), dtype=np.uint8)


def palette_image(values: NDArray[np.uint8], palette: NDArray[np.uint8]) -> Image.Image:
    """A palette image of the indices `values`."""
    image = Image.fromarray(values)
    image.putpalette(palette.tobytes())
    return image


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    """Saves an image with Pillow's options and returns its path."""
    image.save(path, **options)
    return path


def image_error(path: Path) -> str:
    """The error of reading an image: one line that names the file."""
    with pytest.raises(DataError) as caught:
        read_image(path)
    return checked_text(path, caught.value)


def checked_text(path: Path, error: DataError) -> str:
    """The text of an error, which must be one line that names the file."""
    text = str(error)
    assert "\n" not in text
    assert str(path) in text
    return text
