"""Masks of ids: which files are read, and how others are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from tests.helpers.image_files import HEIGHT, SMALL_TABLE, WIDTH, palette_image, random_ids, random_small_mask, save
from tests.helpers.mask_error import mask_error


def test_ids_are_unchanged(tmp_path: Path) -> None:
    values = random_ids()
    values[0, :3] = 255
    mask = read_mask(save(tmp_path / "a.png", Image.fromarray(values)), MaskEncoding(DRONE))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, values)


def test_a_16_bit_mask_is_read_if_its_ids_are_known(tmp_path: Path) -> None:
    values = random_ids().astype(np.uint16)
    mask = read_mask(save(tmp_path / "a.png", Image.fromarray(values)), MaskEncoding(DRONE))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, values)
    values[0, :5] = 256 + 3
    text = mask_error(save(tmp_path / "b.png", Image.fromarray(values)), DRONE)
    assert "id 259 (5 pixels)" in text


def test_fractions_are_not_ids(tmp_path: Path) -> None:
    values = random_ids().astype(np.float32)
    np.testing.assert_array_equal(
        read_mask(save(tmp_path / "a.tiff", Image.fromarray(values)), MaskEncoding(DRONE)), random_ids()
    )
    values[0, :2] = 1.5
    assert "id 1.5 (2 pixels)" in mask_error(save(tmp_path / "b.tiff", Image.fromarray(values)), DRONE)


def test_a_black_and_white_mask_has_ids_0_and_1(tmp_path: Path) -> None:
    values = random_ids() % 2
    path = save(tmp_path / "a.png", Image.fromarray(values.astype(bool)))
    with Image.open(path) as image:
        assert image.mode == "1"
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(DRONE)), values)


def test_a_gray_mask_with_alpha_holds_ids(tmp_path: Path) -> None:
    values = np.dstack([random_ids(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    np.testing.assert_array_equal(
        read_mask(save(tmp_path / "a.png", Image.fromarray(values)), MaskEncoding(DRONE)), random_ids()
    )


def test_an_unknown_id_is_reported_with_file_and_count(tmp_path: Path) -> None:
    values = random_ids()
    values[2, :4] = 77
    values[3, :2] = 23
    path = save(tmp_path / "a.png", Image.fromarray(values))
    assert mask_error(path, DRONE) == (
        f"{path} holds id 77 (4 pixels), id 23 (2 pixels), not in the class table of 23 classes "
        "(ids 0 to 22, 255 is ignored): give the ids of the classes in a column `id` of the class table; or fix the "
        "mask or give its table with data.classes=FILE.csv"
    )


def test_an_unknown_id_is_told_beside_the_ids_that_are_ignored(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(np.full((4, 6), 77, np.uint8)))
    names, colors = ("a", "b"), ((0, 0, 0), (9, 9, 9))
    for values, ignored, text in (
        ((0, 255), (), "(its ids are 0, 255): "),
        ((1, 255), (0,), "(its ids are 1, 255, 0 is ignored): "),
        ((1, 2), (0,), "(its ids are 1, 2, 0 and 255 are ignored): "),
    ):
        assert text in mask_error(path, ClassTable(names, colors, mask_values=values, ignored_values=ignored))


def test_unknown_ids_of_a_jpeg_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(random_ids() * 10).save(path, quality=20)
    assert mask_error(path, DRONE).endswith(
        "data.classes=FILE.csv; JPEG compression changes ids and colors: save masks as PNG"
    )


def test_long_lists_of_unknown_ids_are_shortened(tmp_path: Path) -> None:
    values = random_ids()
    values[0, :7] = np.arange(100, 107)
    assert "and 2 more, not in" in mask_error(save(tmp_path / "a.png", Image.fromarray(values)), DRONE)


def test_the_ignored_id_of_the_table_is_accepted(tmp_path: Path) -> None:
    table = ClassTable(("a", "b"), ((0, 0, 0), (9, 9, 9)), ignore_index=200)
    values = np.array([[0, 1], [200, 0]], np.uint8)
    path = save(tmp_path / "a.png", Image.fromarray(values))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(table)), values)
    assert "id 200 (1 pixels)" in mask_error(path, ClassTable(table.names, table.colours))


def test_a_truncated_mask_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(random_ids(64, 96)))
    path.write_bytes(path.read_bytes()[:-300])
    assert "cannot be decoded" in mask_error(path, DRONE)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_three_equal_channels_can_hold_ids(tmp_path: Path, suffix: str, mode: str) -> None:
    image = Image.fromarray(np.repeat(random_small_mask()[..., None], 3, axis=2)).convert(mode)
    path = save(tmp_path / f"a{suffix}", image, **({"lossless": True} if suffix == ".webp" else {}))
    for kind in ("ids", "auto"):
        np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE, kind=kind)), random_small_mask())


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_colors_are_not_ids(tmp_path: Path, suffix: str) -> None:
    grey = np.repeat(random_small_mask()[..., None], 3, axis=2)
    grey[5, 7, 2] += 1  # one pixel is enough
    path = save(tmp_path / f"a{suffix}", Image.fromarray(grey), **({"lossless": True} if suffix == ".webp" else {}))
    assert "holds colors, not ids: give data.mask_encoding=colours" in mask_error(
        path, MaskEncoding(SMALL_TABLE, kind="ids")
    )


@pytest.mark.parametrize("value", [0, 2, 255])
@pytest.mark.parametrize("palette", [False, True])
def test_a_mask_of_one_value_is_read(tmp_path: Path, value: int, palette: bool) -> None:
    values = np.full((HEIGHT, WIDTH), value, np.uint8)
    image = palette_image(values, SMALL_TABLE.palette) if palette else Image.fromarray(values)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "a.png", image), MaskEncoding(SMALL_TABLE)), values)


def test_classes_are_not_merged_when_a_mask_is_read(tmp_path: Path) -> None:
    labels = MaskEncoding(SMALL_TABLE, {"ground": ["tree", "road"], "ignored": ["grass"]})
    path = save(tmp_path / "a.png", Image.fromarray(random_small_mask()))
    np.testing.assert_array_equal(read_mask(path, labels), random_small_mask())
    np.testing.assert_array_equal(labels.remap(read_mask(path, labels)), np.array([0, 255, 0])[random_small_mask()])


@pytest.mark.parametrize("kind", ["ids", "16 bits", "palette", "colours"])
def test_a_mask_is_rotated_as_displayed(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = {
        "ids": lambda: Image.fromarray(random_small_mask()),
        "16 bits": lambda: Image.fromarray(random_small_mask().astype(np.uint16)),
        "palette": lambda: palette_image(random_small_mask(), SMALL_TABLE.palette),
        "colours": lambda: Image.fromarray(SMALL_TABLE.palette[random_small_mask()]),
    }[kind]()
    path = save(tmp_path / "a.png", image, exif=exif)
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SMALL_TABLE)), np.rot90(random_small_mask(), -1))


def test_a_mask_that_holds_neither_ids_nor_rgb_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tiff", Image.fromarray(np.repeat(random_small_mask()[..., None], 3, axis=2), mode="LAB"))
    assert "has pixels of type LAB, neither ids nor RGB: convert it to 8-bit gray or RGB" in mask_error(
        path, MaskEncoding(SMALL_TABLE)
    )
