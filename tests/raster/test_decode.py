"""Decoded images: colors, orientation, and files that are cut short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster import decode
from segdrone.raster.decode import read_bands, read_image
from tests.helpers.image_files import HEIGHT, WIDTH, image_error, palette_image, random_image, save


def test_rgb_is_read_unchanged(tmp_path: Path) -> None:
    image = read_image(save(tmp_path / "a.png", Image.fromarray(random_image())))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, random_image())
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def test_gray_has_three_equal_channels(tmp_path: Path) -> None:
    gray = random_image()[..., 0]
    image = read_image(save(tmp_path / "a.png", Image.fromarray(gray)))
    np.testing.assert_array_equal(image, np.repeat(gray[..., None], 3, axis=2))


def test_alpha_is_dropped(tmp_path: Path) -> None:
    rgba = np.dstack([random_image(), np.full((HEIGHT, WIDTH), 7, np.uint8)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", Image.fromarray(rgba))), random_image())


def test_palette_indices_become_colors(tmp_path: Path) -> None:
    palette = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]], np.uint8)
    indices = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8) % 4
    path = save(tmp_path / "a.png", palette_image(indices, palette))
    np.testing.assert_array_equal(read_image(path), palette[indices])


def test_cmyk_is_converted(tmp_path: Path) -> None:
    cmyk = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    cmyk[..., 0] = 255
    image = read_image(save(tmp_path / "a.tiff", Image.fromarray(cmyk, mode="CMYK")))
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert (image == (0, 255, 255)).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_an_image_is_turned_as_displayed(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :16] = 255  # upper left; displayed at the upper right
    image = read_image(save(tmp_path / f"a{suffix}", Image.fromarray(pixels), exif=exif))
    assert image.shape == (48, 32, 3)
    assert image[:16, 16:].min() > 200
    assert image[:16, :15].max() < 60


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_turned_tiffs_of_every_mode_are_read_upright(tmp_path: Path, mode: str, compression: str | None) -> None:
    image = Image.fromarray(random_image()).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = read_image(save(tmp_path / "a.tiff", image, compression=compression))
    turned = read_image(save(tmp_path / "b.tiff", image, compression=compression, exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(upright, -1))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_bands_are_the_rows_of_the_image(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(random_image(23, 9)).convert(mode))
    monkeypatch.setattr(decode, "_BAND_ROWS", 10)
    bands = list(read_bands(path))
    assert [len(band.pixels) for band in bands] == [10, 10, 3]
    np.testing.assert_array_equal(np.concatenate([band.pixels for band in bands]), read_image(path))
    if mode == "RGB":
        assert all(band.valid is None for band in bands)
    else:
        assert all(band.valid is not None and band.valid.shape == band.pixels.shape[:2] for band in bands)


def test_a_truncated_jpeg_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(random_image(64, 96)))
    path.write_bytes(path.read_bytes()[:-400])
    text = image_error(path)
    assert "cannot be decoded" in text
    assert "truncated" in text
    assert "copy it again or remove it" in text


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")  # of Pillow
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_a_file_cut_anywhere_is_refused_or_read_in_full(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", Image.fromarray(random_image()))
    content, image = path.read_bytes(), read_image(path)
    refused = 0
    for length in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:length])
        try:
            np.testing.assert_array_equal(read_image(path), image)
        except DataError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20
