"""Palette masks: read by index or by colour, and refused where these disagree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.data.mask_encoding import MaskEncoding, read_mask
from tests.helpers.image_files import FEW, few, ids, paletted, told, write


def test_palette_mask_holds_its_ids_not_its_colours(tmp_path: Path) -> None:
    values = ids()
    paletted = Image.fromarray(values)
    paletted.putpalette(np.random.default_rng(2).integers(0, 256, 768, dtype=np.uint8).tobytes())
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.png", paletted), MaskEncoding(DRONE)), values)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("encoding", ["auto", "ids", "colours"])
def test_palette_mask_whose_indices_and_colours_agree_is_read_either_way(
    tmp_path: Path, suffix: str, encoding: str
) -> None:
    path = write(tmp_path / f"a{suffix}", paletted(few(), FEW.palette))
    with Image.open(path) as image:
        assert image.mode == "P"
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FEW, encoding=encoding)), few())


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_palette_mask_whose_indices_and_colours_differ_is_read_as_told_and_else_refused(
    tmp_path: Path, suffix: str
) -> None:
    turned = np.array([2, 0, 1], np.uint8)  # class by index
    path = write(tmp_path / f"a{suffix}", paletted(few(), FEW.palette[turned]))
    text = told(path, MaskEncoding(FEW))
    assert (
        "is a palette image whose indices (0, ...) and colours (those of class 2, ...) name different classes" in text
    )
    assert text.endswith("say which counts with data.mask_encoding=ids or colours")
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FEW, encoding="ids")), few())
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FEW, encoding="colours")), turned[few()])


def test_palette_mask_is_judged_by_the_indices_that_it_uses(tmp_path: Path) -> None:
    palette = FEW.palette.copy()
    palette[2] = FEW.palette[0]  # would be ambiguous
    values = few() % 2
    np.testing.assert_array_equal(
        read_mask(write(tmp_path / "a.png", paletted(values, palette)), MaskEncoding(FEW)), values
    )
    values[0, 0] = 2
    assert "name different classes" in told(write(tmp_path / "b.png", paletted(values, palette)), MaskEncoding(FEW))


def test_palette_mask_with_ignored_pixels_holds_ids(tmp_path: Path) -> None:
    values = few()
    values[0] = 255
    path = write(tmp_path / "a.png", paletted(values, FEW.palette))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FEW)), values)


def test_palette_mask_with_a_transparent_colour_holds_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", paletted(few(), FEW.palette), transparency=0)
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FEW)), few())


def test_palette_mask_is_ambiguous_within_the_tolerance_too(tmp_path: Path) -> None:
    turned = np.array([2, 0, 1], np.uint8)
    path = write(tmp_path / "a.png", paletted(few(), FEW.palette[turned] + np.uint8(3)))
    assert "colours (those of class 2, ...) name different classes" in told(path, MaskEncoding(FEW, colour_tolerance=6))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FEW)), few())


def test_palette_mask_that_agrees_is_read_though_classes_share_a_colour(tmp_path: Path) -> None:
    table = ClassTable(FEW.names, (FEW.colours[0], FEW.colours[1], FEW.colours[0]))
    path = write(tmp_path / "a.png", paletted(few(), table.palette))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(table)), few())
