"""Binary masks: light pixels are class 1, whatever the file's type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from tests.helpers.image_files import HEIGHT, WIDTH, palette_image, save

TWO = ClassTable(("dark", "light"), ((0, 0, 0), (255, 255, 255)))


LIGHT = np.random.default_rng(4).random((HEIGHT, WIDTH)) < 0.4


@pytest.mark.parametrize(
    ("name", "image", "threshold"),
    [
        ("a.png", Image.fromarray((LIGHT * 255).astype(np.uint8)), 127),
        ("a.png", Image.fromarray(LIGHT.astype(np.uint8)), 0),
        ("a.png", Image.fromarray(np.where(LIGHT, 128, 127).astype(np.uint8)), 127),
        ("a.png", Image.fromarray(np.where(LIGHT, 65535, 0).astype(np.uint16)), 127),
        ("a.png", Image.fromarray(np.where(LIGHT, 40_001, 40_000).astype(np.uint16)), 40_000),
        ("a.tiff", Image.fromarray(np.where(LIGHT, 70_000, -5).astype(np.int32)), 0),
        ("a.tiff", Image.fromarray(LIGHT.astype(np.float32)), 0),
        ("a.png", Image.fromarray(np.repeat((LIGHT * 255).astype(np.uint8)[..., None], 3, axis=2)), 127),
        ("a.webp", Image.fromarray((LIGHT * 255).astype(np.uint8)), 127),
        ("a.png", Image.fromarray(LIGHT), 127),
        ("a.tiff", Image.fromarray(LIGHT), 0),
        ("a.png", Image.fromarray(np.dstack([LIGHT * 255, np.full(LIGHT.shape, 7)]).astype(np.uint8)), 127),
        ("a.png", palette_image(LIGHT.astype(np.uint8), TWO.palette), 127),
    ],
    ids=["0/255", "0/1", "127/128", "16", "16 at 40000", "32", "float", "RGB", "WebP", "1", "1 TIFF", "LA", "P"],
)
def test_light_pixels_of_a_binary_mask_are_class_1(
    tmp_path: Path, name: str, image: Image.Image, threshold: int
) -> None:
    path = save(tmp_path / name, image, **({"lossless": True} if name.endswith("webp") else {}))
    mask = read_mask(path, MaskEncoding(TWO, kind="binary", threshold=threshold))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, LIGHT)


def test_a_binary_mask_saved_as_jpeg_is_read(tmp_path: Path) -> None:
    light = np.repeat(np.repeat(LIGHT, 8, axis=0), 8, axis=1)
    path = save(tmp_path / "a.jpg", Image.fromarray((light * 255).astype(np.uint8)), quality=60)
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(TWO, kind="binary")), light)
