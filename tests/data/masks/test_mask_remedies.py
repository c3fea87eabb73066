"""Errors about unknown values name options that help: each of them leaves several classes when it is followed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import DataError
from tests.helpers.image_files import palette_image, save
from tests.helpers.mask_error import mask_error

FOUR = ClassTable(("ground", "grass", "roof", "water"), ((0, 0, 0), (30, 120, 40), (160, 60, 50), (40, 70, 170)))
TWO = ClassTable(("ground", "road"), ((0, 0, 0), (255, 255, 255)))
RED = ClassTable(("ground", "road"), ((90, 60, 0), (200, 0, 0)))
INVERSE = ClassTable(("road", "ground"), ((255, 255, 255), (0, 0, 0)))
RNG = np.random.default_rng(0)
IDS = np.kron(RNG.integers(0, 4, (6, 8)), np.ones((8, 8))).astype(np.uint8)
LIGHT = IDS % 2
PAINTED = np.array(FOUR.colours, np.uint8)[IDS]


def stray(color: tuple[int, int, int], count: int) -> NDArray[np.uint8]:
    painted = PAINTED.copy()
    painted.reshape(-1, 3)[:count] = color
    return painted


def noisy(values: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    return np.clip(values.astype(int) + RNG.integers(-most, most + 1, values.shape), 0, 255).astype(np.uint8)


CASES: dict[str, tuple[Any, ClassTable, str]] = {
    "a stray color": (stray((255, 0, 255), 9), FOUR, "data.unknown=ignore"),
    "a stray color near a class": (stray((33, 118, 44), 9), FOUR, "data.colour_tolerance=10"),
    "a quarter of a color near a class": (stray((2, 2, 2), 900), FOUR, "rows in the class table"),
    "colors between two classes": (np.array(Image.fromarray(PAINTED).resize((90, 70), 2)), FOUR, "data."),
    "shifted colors": (noisy(PAINTED, 3), FOUR, "data.colour_tolerance=10"),
    "a quarter of another color": (stray((255, 255, 0), 900), FOUR, "rows in the class table"),
    "a stray id": (np.where(np.arange(64) < 1, 77, IDS).astype(np.uint8), FOUR, "data.unknown=ignore"),
    "ids with gaps": (np.array([0, 7, 11, 21], np.uint8)[IDS], FOUR, "column `id`"),
    "ids from 1": (IDS + np.uint8(1), FOUR, "column `id`"),
    "ids from 1, few of the last": (np.minimum(IDS, 2 + (np.arange(64) < 4)).astype(np.uint8) + 1, FOUR, "column `id`"),
    "0 and 254": (LIGHT * np.uint8(254), RED, "data.mask_encoding=binary"),
    "0 and 65535": (LIGHT * np.uint16(65535), RED, "data.mask_encoding=binary"),
    "gray road masks": (noisy(LIGHT * np.uint8(255), 5), RED, "data.mask_encoding=binary"),
    "gray road masks, white": (noisy(LIGHT * np.uint8(255), 5), TWO, "data.mask_encoding=binary"),
    "gray road masks in RGB": (np.repeat(noisy(LIGHT * np.uint8(255), 5)[..., None], 3, 2), RED, "=binary"),
    "gray road masks of four classes": (noisy(LIGHT * np.uint8(255), 5), FOUR, "=binary and a class table of two"),
    "black and white of white first": (LIGHT * np.uint8(255), INVERSE, "data.mask_encoding=colours"),
    "a palette with a stray color": (
        palette_image(IDS * np.uint8(60), np.repeat(np.array([*FOUR.colours[:3], (1, 1, 1)], np.uint8), 60, 0)),
        FOUR, "rows in the class table",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_option_that_is_named_leaves_several_classes(tmp_path: Path, case: str) -> None:
    pixels, table, expected = CASES[case]
    path = save(tmp_path / "a.png", pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels))
    text = mask_error(path, MaskEncoding(table))
    assert expected in text
    for key, value in re.findall(r"data\.(mask_encoding|colour_tolerance|unknown)=(\w+)", text):
        options: Any = {"kind" if key == "mask_encoding" else key: float(value) if value.isdecimal() else value}
        two = RED if options.get("kind") == "binary" and len(table) > 2 else table
        mask = read_mask(path, MaskEncoding(two, **options))
        assert len({*np.unique(mask)} - {255}) > 1, (key, value)
        assert (mask == 255).mean() <= 0.05, (key, value)


@pytest.mark.parametrize("quality", [60, 95])
def test_lossy_masks_are_never_advised_to_be_believed(tmp_path: Path, quality: int) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(np.array([0, 7, 11, 21], np.uint8)[IDS]), quality=quality)
    text = mask_error(path, MaskEncoding(FOUR))
    assert text.endswith("JPEG compression changes ids and colors: save masks as PNG")
    assert "unknown=ignore" not in text
    with pytest.raises(DataError, match="holds ids in JPEG, whose compression changes them"):
        read_mask(path, MaskEncoding(FOUR, unknown="ignore"))
