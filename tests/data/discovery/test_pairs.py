"""How photographs are paired with their masks, and checked before any is decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE
from segdrone.data.discovery.find_dataset import find_dataset
from segdrone.data.discovery.pairs import ImageMaskPair, find_pairs, find_photographs
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import DataError
from segdrone.raster.channels import Channels
from segdrone.raster.decode import read_image
from tests.helpers.dataset_folders import SIZE, write_dataset, write_mask, write_photograph


def pairs(root: Path, *, allow_unpaired: bool = False) -> list[ImageMaskPair]:
    return find_pairs(find_dataset(root, "images", "masks"), allow_unpaired=allow_unpaired)


def error_text(root: Path, *, allow_unpaired: bool = False) -> str:
    with pytest.raises(DataError) as caught:
        pairs(root, allow_unpaired=allow_unpaired)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pairs_are_sorted_by_id_with_their_sizes(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, ("b.jpg", "a.jpg"), ("b.png", "a.png"))
    images, masks = root / "images", root / "masks"
    assert pairs(root) == [
        ImageMaskPair("a", images / "a.jpg", masks / "a.png", SIZE),
        ImageMaskPair("b", images / "b.jpg", masks / "b.png", SIZE),
    ]


def test_suffixes_are_recognized_in_upper_and_lower_case(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, ("a.JPG", "b.TIFF", "c.webp", "d.Jpeg", "e.tif", "f.PNG"), ())
    for name in ("a.PNG", "b.TIF", "c.png", "d.png", "e.tiff", "f.png"):
        write_mask(root / "masks" / name)
    assert [pair.id for pair in pairs(root)] == ["a", "b", "c", "d", "e", "f"]


def test_hidden_files_and_other_file_types_are_ignored(tmp_path: Path) -> None:
    root = write_dataset(tmp_path)
    for name in (".DS_Store", "._a.jpg", ".a.123.part.jpg", "Thumbs.db", "readme.txt"):
        (root / "images" / name).write_bytes(b"nothing")
    assert [pair.id for pair in pairs(root)] == ["a", "b"]
    assert [pair.id for pair in find_photographs(root / "images")] == ["a", "b"]


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, images=())
    text = error_text(root)
    assert f"{root / 'images'} holds no images (.jpg, .jpeg, .png, .tif, .tiff, .webp)" in text
    assert "give the folder that does" in text
    with pytest.raises(DataError, match="holds no images"):
        find_photographs(root / "images")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder: fix the path") as caught:
        find_photographs(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_unpaired_files_of_both_sides_are_listed(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, ("a.jpg", "b.jpg", "c.jpg"), ("a.png", "d.png"))
    text = error_text(root)
    assert f"2 in {root / 'images'} without a mask: b.jpg, c.jpg" in text
    assert f"1 in {root / 'masks'} without a photograph: d.png" in text
    assert "train on the 1 pairs with data.allow_unpaired=true" in text


def test_long_lists_of_unpaired_files_are_shortened(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, [f"{i:02d}.jpg" for i in range(14)], ("00.png",))
    text = error_text(root)
    assert "13 in" in text
    assert "10.jpg and 3 more" in text
    assert "11.jpg" not in text


def test_allow_unpaired_keeps_the_pairs(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, ("a.jpg", "b.jpg"), ("b.png", "c.png"))
    assert [pair.id for pair in pairs(root, allow_unpaired=True)] == ["b"]


def test_folders_without_a_pair_are_refused_even_with_allow_unpaired(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, ("a.jpg",), ("b.png",))
    text = error_text(root, allow_unpaired=True)
    assert "a.jpg" in text
    assert "b.png" in text
    assert "give each mask the name of its photograph" in text
    assert "allow_unpaired" not in text


def test_two_files_of_the_same_name_are_refused(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, ("a.jpg", "a.png", "b.jpg"))
    text = error_text(root)
    assert f"{root / 'images' / 'a.jpg'} and {root / 'images' / 'a.png'} have the same name" in text
    assert "rename or remove one of them" in text


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    root = write_dataset(tmp_path)
    path = write_mask(root / "masks" / "b.png", (6, 8))
    assert error_text(root) == (
        f"{path} is 8 x 6 pixels but its photograph b.jpg is 9 x 6: export the mask again at the photograph's size"
    )


def test_a_text_file_named_jpg_is_refused(tmp_path: Path) -> None:
    root = write_dataset(tmp_path)
    path = root / "images" / "a.jpg"
    path.write_text("not a photograph")
    assert (
        error_text(root) == f"{path} is not an image (JPEG, PNG, TIFF or WebP) despite its name: replace or remove it"
    )
    with pytest.raises(DataError, match=r"a\.jpg is not an image"):
        find_photographs(root / "images")


def test_several_problems_are_reported_together_and_counted(tmp_path: Path) -> None:
    names = "abcdef"
    root = write_dataset(tmp_path, [f"{i}.jpg" for i in names], [f"{i}.png" for i in names])
    for name in "abcde":
        (root / "images" / f"{name}.jpg").write_text("nothing")
    text = error_text(root)
    assert text.count("is not an image") == 1
    assert text.endswith("replace or remove it (the same with b, c, d and 1 more)")
    for i, name in enumerate("abcde"):
        write_mask(root / "masks" / f"{name}.png", (5, 5 + i))
        write_photograph(root / "images" / f"{name}.jpg")
    text = error_text(root)
    assert text.count("export the mask again") == 3
    assert text.endswith("(and 2 more such files)")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
@pytest.mark.parametrize(("orientation", "turned"), [(1, False), (3, False), (6, True), (8, True), (0, False)])
def test_size_is_that_of_the_photograph_as_displayed(
    tmp_path: Path, suffix: str, orientation: int, turned: bool
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(tmp_path / "images" / f"a{suffix}", exif=exif)
    size = (9, 6) if turned else (6, 9)
    write_mask(tmp_path / "masks" / "a.png", size)
    assert [pair.size for pair in pairs(tmp_path)] == [size]


def write_rotated(path: Path, orientation: int, size: tuple[int, int] = SIZE, *, mode: str = "RGB") -> Path:
    """Writes a file whose stored pixels have `size`, with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size[::-1]).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("who", ["photograph", "mask"])
def test_a_photograph_rotated_against_its_mask_is_refused(tmp_path: Path, orientation: int, who: str) -> None:
    orientations = (orientation, 1) if who == "photograph" else (1, orientation)
    image = write_rotated(tmp_path / "images" / "a.jpg", orientations[0])
    labels = write_rotated(tmp_path / "masks" / "a.png", orientations[1], mode="L")
    assert error_text(tmp_path) == (
        f"{image} is rotated by its EXIF orientation {orientations[0]} and its mask {labels} by {orientations[1]}, "
        "so they do not match: rotate the mask, or save the photograph upright"
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_and_a_mask_of_the_same_orientation_are_a_pair(tmp_path: Path, orientation: int) -> None:
    image = write_rotated(tmp_path / "images" / "a.jpg", orientation)
    labels = write_rotated(tmp_path / "masks" / "a.png", orientation, mode="L")
    size = SIZE if orientation < 5 else SIZE[::-1]
    assert pairs(tmp_path) == [ImageMaskPair("a", image, labels, size)]
    assert read_image(image).shape[:2] == read_mask(labels, MaskEncoding(DRONE)).shape == size


def test_a_mask_as_displayed_fits_a_photograph_that_is_stored_rotated(tmp_path: Path) -> None:
    write_rotated(tmp_path / "images" / "a.jpg", 6)
    write_mask(tmp_path / "masks" / "a.png", SIZE[::-1])
    assert [pair.size for pair in pairs(tmp_path)] == [SIZE[::-1]]


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_mask_as_displayed_fits_a_square_photograph_that_is_stored_rotated(
    tmp_path: Path, orientation: int, caplog: pytest.LogCaptureFixture
) -> None:
    write_rotated(tmp_path / "images" / "a.jpg", orientation, (7, 7))
    write_mask(tmp_path / "masks" / "a.png", (7, 7))
    assert [pair.turned for pair in pairs(tmp_path)] == [True]
    assert "EXIF turns 1 photographs, not their masks, which are taken to be drawn on the turned ones" in caplog.text


def test_a_swapped_size_without_rotation_is_another_size(tmp_path: Path) -> None:
    write_rotated(tmp_path / "images" / "a.jpg", 6)
    write_rotated(tmp_path / "masks" / "a.png", 6, SIZE[::-1], mode="L")
    assert "a.png is 9 x 6 pixels but its photograph a.jpg is 6 x 9" in error_text(tmp_path)


def test_photographs_with_transparency_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"{i}.png" for i in range(6)]
    root = write_dataset(tmp_path, names, names)
    assert len(pairs(root)) == 6
    assert caplog.text == ""
    for name, mode in zip(names, ("RGBA", "LA", "RGBA", "RGBA", "RGB", "L"), strict=True):
        Image.new(mode, SIZE[::-1]).save(root / "images" / name)
    Image.new("RGBA", SIZE[::-1]).save(root / "masks" / names[5])  # alpha of a mask does not matter
    assert len(pairs(root)) == 6
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "4 photographs may have transparent or no-data pixels, which are not trained on: "
            "0.png, 1.png, 2.png and 1 more; if their fourth band is near infrared, not alpha, give data.bands=[1,2,3]",
        )
    ]


def test_bands_that_were_chosen_are_not_advised_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_dataset(tmp_path, ["a.png"], ["a.png"])
    Image.new("RGB", SIZE[::-1]).save(root / "images" / "a.png", transparency=(0, 0, 0))
    find_pairs(find_dataset(root, "images", "masks"), channels=Channels(bands=(3, 2, 1)))
    assert "which are not trained on: a.png" in caplog.text
    assert "data.bands" not in caplog.text


@pytest.mark.parametrize("mode", ["I;16", "F", "I"])
def test_photographs_of_more_than_8_bits_are_refused_before_any_is_decoded(tmp_path: Path, mode: str) -> None:
    image = write_rotated(tmp_path / "images" / "a.tiff", 1, mode=mode)
    write_mask(tmp_path / "masks" / "a.png")
    sample_type = {"I;16": "uint16", "F": "float32", "I": "int32"}[mode]
    text = error_text(tmp_path)
    assert text.startswith(f"{image} has 1 band of {sample_type}, not 8 bits per channel: give the values that become")
    assert "data.stretch=" in text
    assert "convert it to 8-bit RGB (gdal_translate -ot Byte -scale MIN MAX 0 255 a.tiff a_rgb.tif)" in text


def test_accents_in_both_unicode_forms_are_paired(tmp_path: Path) -> None:
    for folder, name in (("images", "fl\u00e4che"), ("masks", "fla\u0308che")):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / folder / f"{name}.png")
    assert [pair.id for pair in pairs(tmp_path)] == ["fl\u00e4che"]
