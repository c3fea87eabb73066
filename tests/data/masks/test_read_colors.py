"""Masks of colors: exact, or within a tolerance."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.data.masks.label_lookup import LabelLookup
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from tests.helpers.image_files import HEIGHT, SMALL_TABLE, WIDTH, random_ids, random_small_mask, save
from tests.helpers.mask_error import mask_error


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_exact_colors_become_ids(tmp_path: Path, mode: str) -> None:
    values = np.arange(len(DRONE) * 4).reshape(4, -1).astype(np.uint8) % len(DRONE)
    painted = Image.fromarray(DRONE.palette[values]).convert(mode)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "a.png", painted), MaskEncoding(DRONE)), values)


def test_threads_that_share_a_lookup_never_miss_a_color() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        masks = [DRONE.palette[np.random.default_rng(i).integers(0, len(DRONE), (256, 64))] for i in range(8)]
        for _ in range(50):
            lookup = LabelLookup(DRONE)
            with ThreadPoolExecutor(8) as pool:
                assert not any(decoded.unknown for decoded in pool.map(lookup.colors, masks))
    finally:
        sys.setswitchinterval(interval)


def test_an_unknown_color_is_reported_with_file_and_count(tmp_path: Path) -> None:
    painted = DRONE.palette[random_ids()]
    painted[1, :6] = (1, 2, 3)
    text = mask_error(save(tmp_path / "a.png", Image.fromarray(painted)), DRONE)
    assert "holds color rgb(1, 2, 3) (6 pixels), not in the class table of 23 classes" in text


def test_a_color_of_several_classes_is_refused(tmp_path: Path) -> None:
    table = ClassTable(("a", "b", "c"), ((0, 0, 0), (9, 9, 9), (9, 9, 9)))
    painted = np.full((HEIGHT, WIDTH, 3), 9, np.uint8)
    text = mask_error(save(tmp_path / "a.png", Image.fromarray(painted)), table)
    assert "rgb(9, 9, 9) to several classes" in text
    assert "give each its own color" in text


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colors_are_read_from_lossless_files(tmp_path: Path, suffix: str, mode: str) -> None:
    image = Image.fromarray(SMALL_TABLE.palette[random_small_mask()]).convert(mode)
    path = save(tmp_path / f"a{suffix}", image, **({"lossless": True} if suffix == ".webp" else {}))
    for encoding in ("auto", "colours"):
        np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE, kind=encoding)), random_small_mask())


@pytest.mark.parametrize("name", ["a.jpg", "a.tiff"])
def test_cmyk_colors_are_converted_to_rgb(tmp_path: Path, name: str) -> None:
    table = ClassTable(("cyan", "magenta", "paper"), ((0, 255, 255), (255, 0, 255), (255, 255, 255)))
    ink = np.array([[255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 0, 0]], np.uint8)
    values = np.repeat(np.repeat(random_small_mask(2, 3), 16, axis=0), 16, axis=1)  # large enough for JPEG
    path = save(tmp_path / name, Image.fromarray(ink[values], mode="CMYK"))
    labels = MaskEncoding(table, colour_tolerance=0 if name == "a.tiff" else 10)
    np.testing.assert_array_equal(read_mask(path, labels), values)


def test_shifted_colors_within_the_tolerance_become_the_nearest_class(tmp_path: Path) -> None:
    painted = SMALL_TABLE.palette[random_small_mask()]
    painted[0, 0], painted[1, :2] = (100, 110, 100), (104, 110, 123)  # 20 and 5 from grass
    painted[2, 3] = (100, 131, 120)  # 21 from it
    path = save(tmp_path / "a.png", Image.fromarray(painted))
    expected = random_small_mask()
    expected[0, 0] = expected[1, :2] = expected[2, 3] = 1
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE, colour_tolerance=21)), expected)
    assert f"{path} holds color rgb(100, 131, 120) (1 pixels), not in" in mask_error(
        path, MaskEncoding(SMALL_TABLE, colour_tolerance=20)
    )
    text = mask_error(path, MaskEncoding(SMALL_TABLE))
    for colour in ("rgb(104, 110, 123) (2 pixels)", "rgb(100, 110, 100) (1 pixels)", "rgb(100, 131, 120) (1 pixels)"):
        assert f"color {colour}" in text
    assert "accept similar colors with data.colour_tolerance=25" in text


def test_a_mask_saved_as_jpeg_is_read_within_a_tolerance(tmp_path: Path) -> None:
    values = np.repeat(np.repeat(random_small_mask(4, 6), 16, axis=0), 16, axis=1)
    path = save(tmp_path / "a.jpg", Image.fromarray(SMALL_TABLE.palette[values]), quality=95, subsampling=0)
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE, colour_tolerance=20)), values)
    assert "color rgb(" in mask_error(path, MaskEncoding(SMALL_TABLE))
