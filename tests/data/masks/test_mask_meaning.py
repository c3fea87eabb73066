"""What pixels of masks mean: read where there is one meaning, asked about where there are two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.masks.instance_maps import read_instance_map
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import DataError
from tests.helpers.image_files import palette_image, save
from tests.helpers.mask_error import mask_error
from tests.helpers.tiff_files import Page, nodata, write_tiff

FOUR = ClassTable(("ground", "grass", "roof", "water"), ((0, 0, 0), (30, 120, 40), (160, 60, 50), (40, 70, 170)))
TWO = ClassTable(("ground", "road"), ((0, 0, 0), (255, 255, 255)))
COLORED_TWO = ClassTable(("ground", "road"), ((90, 60, 0), (200, 0, 0)))
WHITE_FIRST = ClassTable(("road", "ground"), ((255, 255, 255), (0, 0, 0)))
SPARSE = ClassTable(FOUR.names, FOUR.colours, 255, (0, 7, 11, 21), ignored_values=(99,), ignored_colors=((9, 9, 9),))
GRAYS = ClassTable(FOUR.names, tuple((v, v, v) for v in (0, 80, 160, 240)))
IDS = np.random.default_rng(0).integers(0, 4, (24, 36)).astype(np.uint8)
LIGHT = IDS % 2
Ids = NDArray[np.uint8]


def gray(values: NDArray[Any]) -> Image.Image:
    return Image.fromarray(values)


def rgb(values: Ids) -> Image.Image:
    return Image.fromarray(np.repeat(values[..., None], 3, axis=2))


@pytest.mark.parametrize("write", [gray, rgb])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ids_with_gaps_are_those_of_the_table(tmp_path: Path, write: Any, dtype: type) -> None:
    stored = np.array([0, 7, 11, 21], np.uint8)[IDS]
    stored[0, :4] = (255, 255, 99, 99)
    expected = IDS.copy()
    expected[0, :4] = 255
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), (stored if write is gray else np.dstack([stored] * 3)).astype(dtype))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(SPARSE)), expected)
    text = mask_error(save(path, gray(IDS)), MaskEncoding(SPARSE))  # an id of the position is no id of the table
    assert "id 1 (" in text
    assert "its ids are 0, 7, 11, 21" in text


def test_ignored_colors_of_the_table_are_ignored(tmp_path: Path) -> None:
    painted = np.array(FOUR.colours, np.uint8)[IDS]
    painted[:2] = 9
    expected = IDS.copy()
    expected[:2] = 255
    np.testing.assert_array_equal(
        read_mask(save(tmp_path / "a.png", Image.fromarray(painted)), MaskEncoding(SPARSE)), expected
    )


def test_masks_with_gaps_are_merged_by_name(tmp_path: Path) -> None:
    encoding = MaskEncoding(SPARSE, {"built": ["roof"], "ignored": ["ground"]})
    mask = read_mask(save(tmp_path / "a.png", gray(np.array([0, 7, 11, 21], np.uint8)[IDS])), encoding)
    assert encoding.table == ClassTable(
        ("built", "grass", "water"), (FOUR.colours[2], FOUR.colours[1], FOUR.colours[3])
    )
    np.testing.assert_array_equal(encoding.remap(mask), np.array([255, 1, 0, 2])[IDS])


@pytest.mark.parametrize(
    ("image", "table"),
    [
        (rgb(IDS), FOUR),
        (rgb(LIGHT * np.uint8(255)), TWO),
        (rgb((1 - LIGHT) * np.uint8(255)), WHITE_FIRST),
        (gray(np.array([0, 80, 160, 240], np.uint8)[IDS]), GRAYS),
        (palette_image(IDS * np.uint8(50), np.repeat(np.array(FOUR.colours, np.uint8), 50, axis=0)), FOUR),
        (palette_image(IDS, np.arange(256, dtype=np.uint8).repeat(3)), FOUR),
        (Image.fromarray(LIGHT.astype(bool)), TWO),
        (gray(IDS.astype(np.int32)), FOUR),
    ],
    ids=["RGB of ids", "black and white", "white first", "grays", "odd indices", "gray palette", "bits", "int32"],
)  # fmt: skip
def test_one_meaning_is_read(tmp_path: Path, image: Image.Image, table: ClassTable) -> None:
    path = save(tmp_path / "a.tif", image)
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(table)), IDS if len(table) == 4 else LIGHT)


@pytest.mark.parametrize("depth", [2, 4])
def test_ids_of_2_and_4_bits_are_not_scaled(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "a.png"
    gray(IDS).save(path, bits=depth)
    content = bytearray(path.read_bytes())
    if content[24] != depth:
        pytest.skip("Pillow writes gray files of 8 bits alone")
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FOUR)), IDS)


@pytest.mark.parametrize(
    ("image", "table", "options", "named", "not_named"),
    [
        (gray(LIGHT * np.uint8(255)), TWO, {}, ["encoding=binary", "encoding=colours"], ["encoding=ids"]),
        (gray((1 - LIGHT) * np.uint8(255)), WHITE_FIRST, {}, ["mask_encoding=colours"], ["mask_encoding=binary"]),
        (rgb(IDS), FOUR, {"colour_tolerance": 20}, ["mask_encoding=ids or colours|mask_encoding=ids"], ["tolerance"]),
        (Image.fromarray(LIGHT.astype(bool)), WHITE_FIRST, {}, ["mask_encoding=colours", "mask_encoding=ids"], []),
        (palette_image(IDS, np.array(FOUR.colours, np.uint8)[[0, 2, 1, 3]]), FOUR, {}, ["ids or colours"], []),
        (
            palette_image(IDS, np.array([*FOUR.colours, (1, 2, 3)], np.uint8)[[0, 2, 1, 4]]),
            FOUR, {}, ["ids or colours", "data.unknown=ignore for rgb(1, 2, 3)"], [],
        ),
    ],
    ids=["0 and 255", "white first", "within the tolerance", "bits, white first", "palette", "palette, one unknown"],
)  # fmt: skip
def test_two_meanings_are_asked_about(
    tmp_path: Path, image: Image.Image, table: ClassTable, options: Any, named: list[str], not_named: list[str]
) -> None:
    text = mask_error(save(tmp_path / "a.png", image), MaskEncoding(table, **options))
    for alternatives in named:
        assert any(part in text for part in alternatives.split("|")), text
    assert not any(part in text for part in not_named), text


def test_a_palette_without_colors_of_classes_holds_ids(tmp_path: Path) -> None:
    palette = np.random.default_rng(1).integers(41, 256, (256, 3)).astype(np.uint8)
    path = save(tmp_path / "a.png", palette_image(IDS, palette))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FOUR)), IDS)


@pytest.mark.parametrize("threshold", [127, 1])
def test_binary_refuses_ids_0_and_1(tmp_path: Path, threshold: int) -> None:
    path = save(tmp_path / "a.png", gray(LIGHT))
    text = mask_error(path, MaskEncoding(TWO, kind="binary", threshold=threshold))
    assert f"holds 0 and 1 alone, which are ids, and none is above data.mask_threshold={threshold}" in text
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(TWO, kind="binary", threshold=0)), LIGHT)
    black = save(tmp_path / "b.png", gray(LIGHT * np.uint8(0)))
    assert not read_mask(black, MaskEncoding(TWO, kind="binary", threshold=threshold)).any()


def test_binary_refuses_a_table_whose_colors_say_the_opposite() -> None:
    with pytest.raises(DataError, match="takes light pixels for the second class, ground, which is black"):
        MaskEncoding(WHITE_FIRST, kind="binary")


@pytest.mark.parametrize(
    ("suffix", "options", "form"),
    [(".jpg", {"quality": 95}, "JPEG"), (".tif", {"compression": "jpeg"}, "JPEG"), (".webp", {}, "lossy WebP")],
)
def test_ids_in_a_lossy_file_need_the_option(tmp_path: Path, suffix: str, options: Any, form: str) -> None:
    even = np.kron(IDS[:4, :6], np.ones((16, 16), np.uint8))
    image = rgb(even) if suffix == ".webp" else gray(even)
    path = save(tmp_path / f"a{suffix}", image, **options)
    table = ClassTable(tuple(map(str, range(9))), tuple((9 * i, 200, 0) for i in range(9)))
    text = mask_error(path, MaskEncoding(table))
    assert f"holds ids in {form}, whose compression changes them" in text
    assert "data.mask_encoding=ids" in text
    assert read_mask(path, MaskEncoding(table, kind="ids")).shape == even.shape


@pytest.mark.parametrize(("dtype", "value"), [(np.uint8, "200"), (np.int16, "-9999"), (np.float32, "nan")])
def test_no_data_of_a_mask_is_ignored(tmp_path: Path, dtype: type, value: str) -> None:
    stored: NDArray[Any] = IDS.astype(dtype)
    stored[:3] = dtype(value)
    path = write_tiff(tmp_path / "a.tif", Page(stored, tags=(nodata(value),)))
    expected = IDS.copy()
    expected[:3] = 255
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(FOUR)), expected)
    plain = write_tiff(tmp_path / "b.tif", Page(stored))
    assert "not in the class table" in mask_error(plain, MaskEncoding(FOUR))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_colors_keep_all_bits(tmp_path: Path, suffix: str) -> None:
    path, encoding = tmp_path / f"a{suffix}", MaskEncoding(FOUR)
    cv2.imwrite(str(path), np.dstack([IDS.astype(np.uint16)] * 3))
    np.testing.assert_array_equal(read_mask(path, encoding), IDS)  # not the high bytes, all 0
    cv2.imwrite(str(path), np.array(FOUR.colours, np.uint16)[IDS][..., ::-1] * 257)
    np.testing.assert_array_equal(read_mask(path, encoding), IDS)
    cv2.imwrite(str(path), np.array(FOUR.colours, np.uint16)[IDS][..., ::-1] * 256)
    assert "colors of uint16 that no color of 8 bits has" in mask_error(path, encoding)


@pytest.mark.parametrize("shown", [(0,), (1,), (2,), (0, 1, 2)])
def test_16_bit_colors_are_classes_where_only_gray_ones_show(tmp_path: Path, shown: tuple[int, ...]) -> None:
    table = ClassTable(("grass", "road", "roof"), ((0, 102, 0), (0, 0, 0), (70, 70, 70)))
    path, expected = tmp_path / "a.png", np.array([shown] * 3, np.uint8)
    cv2.imwrite(str(path), np.array(table.colours, np.uint16)[expected][..., ::-1] * 257)
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(table)), expected)


def test_gray_levels_of_16_bits_keep_them_where_they_are_no_colors(tmp_path: Path) -> None:
    levels = np.array([[0, 257 * 100, 65535]], np.uint16)
    cv2.imwrite(str(path := tmp_path / "a.png"), np.dstack([levels] * 3))
    assert read_mask(path, MaskEncoding(TWO, kind="binary", threshold=30_000)).tolist() == [[0, 0, 1]]
    assert read_instance_map(path, (1, 3)).tolist() == levels.tolist()


def test_bands_and_pages_of_masks_are_refused(tmp_path: Path) -> None:
    five = write_tiff(tmp_path / "a.tif", Page(np.dstack([IDS] * 5), photometric=1))
    assert "has 5 bands of uint8, and a mask has one band of ids" in mask_error(five, MaskEncoding(FOUR))
    pages = write_tiff(tmp_path / "b.tif", IDS, IDS[::-1])
    assert "has 2 pages of 36 x 24 pixels" in mask_error(pages, MaskEncoding(FOUR))


def test_unknown_colors_of_transparent_pixels_are_ignored(tmp_path: Path) -> None:
    painted = np.array(FOUR.colours, np.uint8)[IDS]
    painted[:2] = 77
    alpha = np.full(IDS.shape, 255, np.uint8)
    alpha[:2] = 0
    path = save(tmp_path / "a.png", Image.fromarray(np.dstack([painted, alpha])))
    assert (read_mask(path, MaskEncoding(FOUR))[:2] == 255).all()
    alpha[0, 0] = 255
    assert "rgb(77, 77, 77) (1 pixels)" in mask_error(
        save(path, Image.fromarray(np.dstack([painted, alpha]))), MaskEncoding(FOUR)
    )


def test_unknown_ids_of_transparent_pixels_are_ignored(tmp_path: Path) -> None:
    table = ClassTable(FOUR.names, FOUR.colours, mask_values=(1, 2, 3, 4))
    alpha = np.full(IDS.shape, 255, np.uint8)
    alpha[:2] = 0
    ids = np.where(alpha > 0, IDS + np.uint8(1), np.uint8(0))
    path = save(tmp_path / "a.png", Image.fromarray(np.dstack([ids, ids, ids, alpha])))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding(table)), np.where(alpha > 0, IDS, 255))
    gray_colors = ClassTable(FOUR.names, ((10, 10, 10), (20, 20, 20), (30, 30, 30), (40, 40, 40)))
    path = save(path, Image.fromarray(np.dstack([ids * np.uint8(10), alpha])))
    np.testing.assert_array_equal(
        read_mask(path, MaskEncoding(gray_colors, kind="colours")), np.where(alpha > 0, IDS, 255)
    )


@pytest.mark.parametrize("kind", ["auto", "colours"])
def test_unknown_values_can_be_ignored(tmp_path: Path, kind: str) -> None:
    painted = np.array(FOUR.colours, np.uint8)[IDS]
    painted[3, 4:9] = (200, 0, 200)
    path = save(tmp_path / "a.png", Image.fromarray(painted))
    mask = read_mask(path, MaskEncoding(FOUR, kind=kind, unknown="ignore"))
    assert (mask[3, 4:9] == 255).all()
    assert (mask == 255).sum() == 5
    ids = IDS.copy()
    ids[0, :3] = 77
    ignored = read_mask(save(path, gray(ids)), MaskEncoding(FOUR, unknown="ignore"))
    np.testing.assert_array_equal(ignored, np.where(ids == 77, 255, ids))
