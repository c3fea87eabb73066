"""Headers of image files, and files that are not images."""

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


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_header_gives_the_size_as_displayed(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"a{suffix}", Image.fromarray(random_image(32, 48)), exif=exif)
    header = read_header(path)
    assert header[:4] == ((48, 32) if orientation > 4 else (32, 48), "RGB", orientation, False)
    assert header.size == read_size(path) == read_image(path).shape[:2]


def test_the_header_of_a_truncated_jpeg_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(random_image(64, 96)))
    path.write_bytes(path.read_bytes()[:-400])
    assert read_size(path) == (64, 96)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "not an image but empty (0 bytes): copy it again or remove it"),
        (b"hello, this is text", "not an image (JPEG, PNG, TIFF or WebP) despite its name: replace or remove it"),
    ],
)
def test_text_named_jpg_is_refused(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert image_error(path) == f"{path} is {kind}"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert image_error(path) == f"{path} does not exist: restore it, or remove its name from the list"
    with pytest.raises(DataError, match="does not exist"):
        read_size(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(random_image()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", HEIGHT * WIDTH // 3)
    text = image_error(path)
    assert "is too large to be read" in text
    assert "cut it into parts or reduce it" in text


def test_a_format_that_needs_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"  # PostScript, which Pillow would pass to Ghostscript
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="a.jpg is a PostScript document: "):
        read_image(path)


@pytest.mark.parametrize(("kind", "value"), [(2, b"6"), (2, b"x"), (1, bytes([6])), (7, bytes([6]))])
def test_an_orientation_that_is_not_a_number_counts_as_upright(tmp_path: Path, kind: int, value: bytes) -> None:
    header = b"Exif" + bytes(2) + b"II*" + bytes([0, 8, 0, 0, 0])
    entry = np.array([1, 0x0112, kind, 1, 0], "<u2").tobytes() + value.ljust(4, bytes(1)) + bytes(4)
    path = save(tmp_path / "a.jpg", Image.fromarray(gradient_image(64, 96)), exif=header + entry)
    assert read_size(path) == (64, 96)
    assert read_image(path).shape == (64, 96, 3)
    assert read_image(path, at_least=(8, 12)).shape == (8, 12, 3)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_colors_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"deep{suffix}"
    cv2.imwrite(str(path), np.full((4, 5, 3), 4095, np.uint16))
    assert read_header(path).mode == "3 x uint16"
    with pytest.raises(DataError, match="has 3 bands of uint16, not 8 bits per channel"):
        read_image(path)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_gray_values_of_more_than_8_bits_are_refused(tmp_path: Path, dtype: type) -> None:
    path = save(tmp_path / "a.tiff", Image.fromarray(np.full((HEIGHT, WIDTH), 300, dtype)))
    text = image_error(path)
    assert "not 8 bits per channel" in text
    assert "convert it to 8-bit RGB" in text
