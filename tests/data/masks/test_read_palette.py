"""Palette masks: read by index or by color, and refused if these disagree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from tests.helpers.image_files import SMALL_TABLE, palette_image, random_ids, random_small_mask, save
from tests.helpers.mask_error import mask_error


def test_a_palette_mask_holds_its_indices_not_its_colors(tmp_path: Path) -> None:
    values = random_ids()
    paletted = Image.fromarray(values)
    paletted.putpalette(np.random.default_rng(2).integers(0, 256, 768, dtype=np.uint8).tobytes())
    np.testing.assert_array_equal(read_mask(save(tmp_path / "a.png", paletted), MaskEncoding(DRONE)), values)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("encoding", ["auto", "ids", "colours"])
def test_a_palette_mask_whose_indices_and_colors_agree_is_read_either_way(
    tmp_path: Path, suffix: str, encoding: str
) -> None:
    path = save(tmp_path / f"a{suffix}", palette_image(random_small_mask(), SMALL_TABLE.palette))
    with Image.open(path) as image:
        assert image.mode == "P"
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE, kind=encoding)), random_small_mask())


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_a_palette_mask_whose_indices_and_colors_differ_needs_the_option(tmp_path: Path, suffix: str) -> None:
    turned = np.array([2, 0, 1], np.uint8)  # class by index
    path = save(tmp_path / f"a{suffix}", palette_image(random_small_mask(), SMALL_TABLE.palette[turned]))
    text = mask_error(path, MaskEncoding(SMALL_TABLE))
    assert "is a palette image whose indices and colors are different classes: index 0 has the color of tree" in text
    assert text.endswith("choose with data.mask_encoding=ids or colours")
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE, kind="ids")), random_small_mask())
    np.testing.assert_array_equal(
        read_mask(path, MaskEncoding(SMALL_TABLE, kind="colours")), turned[random_small_mask()]
    )


def test_only_the_indices_in_use_matter(tmp_path: Path) -> None:
    palette = SMALL_TABLE.palette.copy()
    palette[2] = SMALL_TABLE.palette[0]  # would be ambiguous
    values = random_small_mask() % 2
    np.testing.assert_array_equal(
        read_mask(save(tmp_path / "a.png", palette_image(values, palette)), MaskEncoding(SMALL_TABLE)), values
    )
    values[0, 0] = 2
    assert "are different classes" in mask_error(
        save(tmp_path / "b.png", palette_image(values, palette)), MaskEncoding(SMALL_TABLE)
    )


def test_a_palette_mask_with_ignored_pixels_holds_ids(tmp_path: Path) -> None:
    values = random_small_mask()
    values[0] = 255
    path = save(tmp_path / "a.png", palette_image(values, SMALL_TABLE.palette))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE)), values)


def test_a_palette_mask_with_a_transparent_color_holds_ids(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", palette_image(random_small_mask(), SMALL_TABLE.palette), transparency=0)
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE)), random_small_mask())


def test_a_palette_mask_can_be_ambiguous_within_the_tolerance(tmp_path: Path) -> None:
    turned = np.array([2, 0, 1], np.uint8)
    path = save(tmp_path / "a.png", palette_image(random_small_mask(), SMALL_TABLE.palette[turned] + np.uint8(3)))
    assert "are different classes: index 0 has the color of tree" in mask_error(
        path, MaskEncoding(SMALL_TABLE, colour_tolerance=6)
    )
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE)), random_small_mask())


def test_a_palette_mask_that_agrees_is_read_even_if_classes_share_a_color(tmp_path: Path) -> None:
    table = ClassTable(SMALL_TABLE.names, (SMALL_TABLE.colours[0], SMALL_TABLE.colours[1], SMALL_TABLE.colours[0]))
    path = save(tmp_path / "a.png", palette_image(random_small_mask(), table.palette))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(table)), random_small_mask())
