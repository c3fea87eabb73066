"""Bands and a stretch turn any file into 8-bit RGB, alike for every way of reading it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster import Channels, open_image, photograph
from segdrone.raster.channels import to_eight_bit
from segdrone.raster.decode import read_image
from segdrone.raster.header import read_header
from segdrone.windows import Window
from tests.helpers.image_files import random_image, save
from tests.helpers.tiff_files import Page, write_tiff

PHOTO = random_image(40, 56)
FIVE = np.dstack([PHOTO, 255 - PHOTO[..., :2]])
ALPHA = np.where(np.arange(56) < 20, 0, 255).astype(np.uint8) * np.ones((40, 1), np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("bands", [(3, 2, 1), (5, 1, 4), (2, 2, 2)])
@pytest.mark.parametrize("planar", [True, False])
def test_bands_are_taken_in_the_given_order(
    tmp_path: Path, dtype: type, bands: tuple[int, int, int], planar: bool
) -> None:
    path = write_tiff(tmp_path / "a.tif", Page(FIVE.astype(dtype), photometric=1, planar=planar, rows=7))
    expected = FIVE[..., [band - 1 for band in bands]]
    np.testing.assert_array_equal(read_image(path, channels=Channels(bands, (0, 255))), expected)
    window = Window(3, 5, 20, 30)
    np.testing.assert_array_equal(open_image(path, bands=bands, stretch=(0, 255)).read(window), expected[3:23, 5:35])


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float32])
def test_the_stretch_is_linear_clipped_and_rounded(dtype: type) -> None:
    values: NDArray[Any] = np.array([-50, 0, 100, 200, 300, 1100, 1101, 32000]).astype(dtype)
    below = 0 if dtype != np.uint16 else 255  # which wraps around
    assert to_eight_bit(values, (100, 1100)).tolist() == [below, 0, 0, 26, 51, 255, 255, 255]
    assert to_eight_bit(np.array([np.nan, np.inf, -np.inf]), (0, 1)).tolist() == [0, 255, 0]


def test_a_stretch_leaves_8_bits_as_they_are(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(PHOTO))
    np.testing.assert_array_equal(read_image(path, channels=Channels(None, (0, 4095))), PHOTO)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("gray", [False, True])
def test_16_bit_files_need_a_stretch(tmp_path: Path, suffix: str, gray: bool) -> None:
    pixels = PHOTO.astype(np.uint16) * 16
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), pixels[..., 0] if gray else pixels[..., ::-1])
    with pytest.raises(DataError, match=r"of uint16, not 8 bits per channel.*data\.stretch=\[0,4095\]"):
        read_image(path)
    found = read_image(path, channels=Channels(None, (0, 255 * 16)))
    np.testing.assert_array_equal(found, np.repeat(PHOTO[..., :1], 3, 2) if gray else PHOTO)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_files_are_turned_as_displayed(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = save(tmp_path / f"plain{suffix}", Image.fromarray(PHOTO[..., 0]), exif=exif)
    deep = save(tmp_path / f"deep{suffix}", Image.fromarray(PHOTO[..., 0].astype(np.uint16)), exif=exif)
    channels = Channels(None, (0, 255))
    np.testing.assert_array_equal(read_image(deep, channels=channels), read_image(plain))
    assert read_header(deep).size == read_header(plain).size


@pytest.mark.parametrize(
    ("pixels", "photometric", "extra", "bands"),
    [
        (FIVE, 1, None, 5),
        (FIVE, 2, (0, 0), 5),
        (FIVE[..., :4], 2, (0,), 4),
        (FIVE[..., :2], 1, (0,), 2),
        (PHOTO, 1, None, 3),
    ],
)
def test_bands_without_a_name_are_asked_about(
    tmp_path: Path,
    pixels: NDArray[np.uint8],
    photometric: int,
    extra: tuple[int, ...] | None,
    bands: int,
) -> None:
    path = write_tiff(tmp_path / "a.tif", Page(pixels, photometric, extra))
    with pytest.raises(DataError, match=rf"has {bands} bands of uint8, and .*data\.bands=\["):
        read_image(path)
    last = pixels[..., [-1, 0, 1]]
    np.testing.assert_array_equal(read_image(path, channels=Channels((bands, 1, 2))), last)


def test_a_band_that_the_file_lacks_is_refused(tmp_path: Path) -> None:
    for name, image in (("a.png", Image.fromarray(PHOTO)), ("b.jpg", Image.fromarray(PHOTO[..., 0]))):
        path = save(tmp_path / name, image)
        with pytest.raises(DataError, match=r"so data.bands=\[4, 3, 2\] cannot be taken from it"):
            read_image(path, channels=Channels((4, 3, 2)))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_a_fourth_band_marks_no_data_unless_bands_are_named(tmp_path: Path, suffix: str) -> None:
    rgba = Image.fromarray(np.dstack([PHOTO, ALPHA]))
    path = save(tmp_path / f"a{suffix}", rgba, **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
    whole = Window(0, 0, 40, 56)
    np.testing.assert_array_equal(open_image(path).valid(whole), ALPHA > 0)
    named = open_image(path, bands=(1, 2, 3))
    assert named.fully_valid
    np.testing.assert_array_equal(named.read(whole), PHOTO)
    np.testing.assert_array_equal(open_image(path, bands=(4, 1, 2)).read(whole)[..., 0], ALPHA)


@pytest.mark.parametrize("deep", [False, True])
def test_alpha_of_16_bits_marks_no_data(tmp_path: Path, deep: bool) -> None:
    pixels = np.dstack([PHOTO, ALPHA]).astype(np.uint16 if deep else np.uint8)
    path = write_tiff(tmp_path / "a.tif", Page(pixels, photometric=2, extra=(2,), planar=True))
    source = open_image(path, stretch=(0, 255))
    np.testing.assert_array_equal(source.valid(Window(0, 0, 40, 56)), ALPHA > 0)
    np.testing.assert_array_equal(source.read(Window(0, 0, 40, 56)), PHOTO)


@pytest.mark.parametrize("large", [False, True])
def test_large_files_are_read_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    monkeypatch.setattr(photograph, "_LARGE", 1 if large else 10**9)
    path = write_tiff(tmp_path / "a.tif", Page(FIVE.astype(np.float32) / 255, tile=16, deflate=True))
    source = open_image(path, bands=(1, 2, 3), stretch=(0, 1))
    np.testing.assert_array_equal(source.read(Window(0, 0, 40, 56)), PHOTO)


def test_big_images_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tiff(tmp_path / "a.tif", Page(FIVE))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 56 // 3)
    with pytest.raises(DataError, match="too large to be read"):
        read_image(path, channels=Channels((1, 2, 3)))


def test_a_palette_has_the_bands_of_its_colors(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(PHOTO).quantize(256))
    plain = read_image(path)
    for bands in itertools.permutations((1, 2, 3)):
        found = read_image(path, channels=Channels(bands))  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, plain[..., [band - 1 for band in bands]])


def test_channels_that_differ_are_called_differently() -> None:
    """The disk cache knows decoded pixels by this text."""
    assert str(Channels((3, 2, 1), (0.0, 4095.0))) == "data.bands=[3,2,1] data.stretch=[0,4095]"
    assert str(Channels(None, (0.1, 1_234_567.0))) == "data.stretch=[0.1,1234567.0]"
