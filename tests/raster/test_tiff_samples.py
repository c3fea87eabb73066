"""Samples of TIFF pages equal those that were written, whatever their type, bands, blocks and compression."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster import Channels
from segdrone.raster.decode import read_image
from segdrone.raster.decode_errors import decode_errors
from segdrone.raster.tiff import read_pages
from segdrone.raster.tiff_samples import can_decode, read_samples
from tests.helpers.tiff_files import Page, write_tiff


def samples(path: Path, *bands: int) -> NDArray[Any]:
    (page,) = read_pages(path)
    assert can_decode(page)
    return np.concatenate([*read_samples(path, page, bands or range(page.bands))])


def numbers(dtype: Any, bands: int, height: int = 37, width: int = 29) -> NDArray[Any]:
    return (np.random.default_rng(bands).random((height, width, bands)) * 250).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_is_read_in_both_byte_orders(tmp_path: Path, dtype: type, order: str) -> None:
    for bands, planar, deflate in itertools.product((1, 2, 5), (False, True), (False, True)):
        pixels = numbers(dtype, bands)
        path = write_tiff(tmp_path / "a.tif", Page(pixels, planar=planar, deflate=deflate, rows=10), order=order)
        found = samples(path)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("deflate", [False, True])
def test_tiles_are_joined_and_their_margins_cut(tmp_path: Path, planar: bool, deflate: bool) -> None:
    pixels = numbers(np.uint16, 4)
    path = write_tiff(tmp_path / "a.tif", Page(pixels, tile=16, planar=planar, deflate=deflate))
    np.testing.assert_array_equal(samples(path, 3, 0, 0), pixels[..., [3, 0, 0]])


@pytest.mark.parametrize("compression", [5, 8, 32773, 50000])
@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_compressions_and_predictors_are_those_of_libtiff(
    tmp_path: Path, compression: int, predictor: int, dtype: type
) -> None:
    if (predictor == 3) != (dtype == np.float32) and predictor != 1:
        pytest.skip("a predictor of floats, or of whole numbers")
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    pixels: NDArray[Any] = np.asarray(numbers(dtype, 3).cumsum(0), dtype)
    if not cv2.imwrite(str(tmp_path / "a.tif"), pixels, [*options, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 7]):
        pytest.skip("not written by this OpenCV")
    np.testing.assert_array_equal(samples(tmp_path / "a.tif"), pixels[..., ::-1])


def test_single_bits_become_0_and_1(tmp_path: Path) -> None:
    bits = numbers(np.uint8, 1) % 2
    np.testing.assert_array_equal(samples(write_tiff(tmp_path / "a.tif", Page(bits, bits=1, deflate=True))), bits)


@pytest.mark.parametrize("deflate", [False, True])
def test_damaged_pixels_are_an_error(tmp_path: Path, deflate: bool) -> None:
    path = write_tiff(tmp_path / "a.tif", Page(numbers(np.uint16, 5), deflate=deflate))
    (page,) = read_pages(path)
    content = bytearray(path.read_bytes())
    content[8:200] = bytes(192)
    path.write_bytes(content if deflate else content[:-200])
    with pytest.raises(DataError, match="cannot be decoded"), decode_errors(path):
        np.concatenate([*read_samples(path, page, (0,))])


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 273, 277, 278, 279, 284, 339])
def test_no_value_of_a_tag_does_more_than_refuse_the_file(tmp_path: Path, tag: int) -> None:
    path = write_tiff(tmp_path / "a.tif", Page(numbers(np.uint16, 5), rows=9))
    whole = path.read_bytes()
    entry = whole.index(struct.pack("<H", tag), struct.unpack("<I", whole[4:8])[0])
    for kind, value in itertools.product((3, 4, 9), (0, 1, 3, 65535, 2**31 - 1)):
        path.write_bytes(whole[: entry + 2] + struct.pack("<HII", kind, 1, value) + whole[entry + 12 :])
        try:
            pixels = read_image(path, channels=Channels((3, 2, 1), (0, 255)))
            assert pixels.size <= 37 * 65535 * 3
        except DataError as error:
            assert "a.tif" in str(error)


def test_a_directory_that_leads_nowhere_ends(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", numbers(np.uint8, 5), numbers(np.uint8, 5))
    content = bytearray(path.read_bytes())
    content[-8:-4] = content[4:8]
    path.write_bytes(content)
    assert len(read_pages(path)) <= 2
    (tmp_path / "b.tif").write_bytes(b"II*\0\xff\xff\xff\xff")
    assert read_pages(tmp_path / "b.tif") == []
    (tmp_path / "c.tif").write_bytes(b"II*\0\x08\0\0\0\xff\xff")
    assert read_pages(tmp_path / "c.tif") == []
