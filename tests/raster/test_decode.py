"""Photographs as they are read whole, and files that are refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.decode import read_image
from segdrone.raster.header import read_header, read_size
from tests.helpers.image_files import HEIGHT, WIDTH, gradient_image, image_error, random_image, save


def test_rgb_photograph_passes_unchanged(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(random_image()))
    image = read_image(path)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, random_image())
    assert read_size(path) == (HEIGHT, WIDTH)


def test_grey_photograph_has_three_equal_channels(tmp_path: Path) -> None:
    grey = random_image()[..., 0]
    image = read_image(save(tmp_path / "a.png", Image.fromarray(grey)))
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))


def test_alpha_is_dropped(tmp_path: Path) -> None:
    rgba = np.dstack([random_image(), np.full((HEIGHT, WIDTH), 7, np.uint8)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", Image.fromarray(rgba))), random_image())


def test_palette_photograph_is_unrolled(tmp_path: Path) -> None:
    four = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]], np.uint8)
    places = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8) % 4
    paletted = Image.fromarray(places).convert("L")
    paletted.putpalette(four.tobytes())
    assert paletted.mode == "P"
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", paletted)), four[places])


def test_cmyk_photograph_is_converted(tmp_path: Path) -> None:
    cmyk = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    cmyk[..., 0] = 255
    path = save(tmp_path / "a.tiff", Image.fromarray(cmyk, mode="CMYK"))
    image = read_image(path)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert (image == (0, 255, 255)).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_photograph_is_turned_as_displayed(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :16] = 255  # upper left; shown at the upper right
    path = save(tmp_path / f"a{suffix}", Image.fromarray(pixels), exif=exif)
    image = read_image(path)
    assert image.shape == (48, 32, 3)
    assert read_size(path) == (48, 32)
    assert image[:16, 16:].min() > 200
    assert image[:16, :15].max() < 60


def test_truncated_jpeg_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(random_image(64, 96)))
    path.write_bytes(path.read_bytes()[:-400])
    text = image_error(path)
    assert "cannot be decoded" in text
    assert "truncated" in text
    assert "copy it again or remove it" in text
    assert read_size(path) == (64, 96)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")  # of Pillow
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_file_cut_anywhere_is_refused_or_whole(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", Image.fromarray(random_image()))
    content, whole = path.read_bytes(), read_image(path)
    refused = 0
    for length in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:length])
        try:
            np.testing.assert_array_equal(read_image(path), whole)
        except DataError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("content", [b"", b"hello, this is text"])
def test_text_called_jpg_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert (
        image_error(path) == f"{path} is not an image (JPEG, PNG, TIFF or WebP) despite its name: replace or remove it"
    )


def test_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert image_error(path) == f"{path} does not exist: restore it, or remove its name from the list"
    with pytest.raises(DataError, match="does not exist"):
        read_size(path)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_photograph_of_more_than_8_bits_is_refused(tmp_path: Path, dtype: type) -> None:
    path = save(tmp_path / "a.tiff", Image.fromarray(np.full((HEIGHT, WIDTH), 300, dtype)))
    text = image_error(path)
    assert "not 8 bits per channel" in text
    assert "convert it to 8-bit RGB" in text


def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(random_image()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", HEIGHT * WIDTH // 3)
    text = image_error(path)
    assert "is too large to be read" in text
    assert "cut it into parts or reduce it" in text


def test_a_format_that_another_program_would_open_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"  # PostScript, which Pillow would hand to Ghostscript
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="a.jpg is not an image"):
        read_image(path)


@pytest.mark.parametrize(("kind", "value"), [(2, b"6"), (2, b"x"), (1, bytes([6])), (7, bytes([6]))])
def test_orientation_that_is_no_number_counts_as_upright(tmp_path: Path, kind: int, value: bytes) -> None:
    header = b"Exif" + bytes(2) + b"II*" + bytes([0, 8, 0, 0, 0])
    entry = np.array([1, 0x0112, kind, 1, 0], "<u2").tobytes() + value.ljust(4, bytes(1)) + bytes(4)
    path = save(tmp_path / "a.jpg", Image.fromarray(gradient_image(64, 96)), exif=header + entry)
    assert read_size(path) == (64, 96)
    assert read_image(path).shape == (64, 96, 3)
    assert read_image(path, at_least=(8, 12)).shape == (8, 12, 3)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_colours_of_sixteen_bits_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"deep{suffix}"
    cv2.imwrite(str(path), np.full((4, 5, 3), 4095, np.uint16))
    assert read_header(path).mode == "RGB;16"
    with pytest.raises(DataError, match="has pixels of type RGB;16, not 8 bits per channel"):
        read_image(path)
