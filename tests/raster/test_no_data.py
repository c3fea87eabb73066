"""Pixels that a file marks as no data: in every format, upright and turned."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.raster.channels import AS_STORED, Channels
from segdrone.raster.decode import read_image
from segdrone.raster.header import read_header
from segdrone.raster.photograph import PhotographSource
from segdrone.windows import Window
from tests.helpers.image_files import HEIGHT, WIDTH, gradient_image, palette_image, random_image, save

ALPHA = np.random.default_rng(5).choice([0, 1, 128, 255], (HEIGHT, WIDTH)).astype(np.uint8)


def validity(path: Path, channels: Channels = AS_STORED) -> NDArray[np.bool_]:
    """The validity of the whole image at its own size."""
    source = PhotographSource(path, channels=channels)
    assert source.header.marks_no_data
    return source.valid(Window(0, 0, *source.size))


def png(depth: int, color_type: int, rows: list[bytes], width: int, transparency: bytes) -> bytes:
    """A PNG with a tRNS chunk, which Pillow does not write for every bit depth."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, len(rows), depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = chunk(b"IHDR", header), chunk(b"tRNS", transparency), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_transparent_pixels_of_color_images_are_no_data(tmp_path: Path, suffix: str) -> None:
    rgba = np.dstack([random_image(), ALPHA])
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    path = save(tmp_path / f"a{suffix}", Image.fromarray(rgba), **options)
    np.testing.assert_array_equal(validity(path), ALPHA > 0)
    np.testing.assert_array_equal(read_image(path), random_image())
    assert not PhotographSource(path).fully_valid


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_transparent_pixels_of_gray_images_are_no_data(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", Image.fromarray(np.dstack([random_image()[..., 0], ALPHA]), mode="LA"))
    np.testing.assert_array_equal(validity(path), ALPHA > 0)


def test_transparent_pixels_of_palette_images_with_alpha_are_no_data(tmp_path: Path) -> None:
    image = Image.new("PA", (WIDTH, HEIGHT))
    image.putpalette(bytes(range(256)) * 3)
    image.putalpha(Image.fromarray(ALPHA))
    path = save(tmp_path / "a.tiff", image)
    assert read_header(path).mode == "PA"
    np.testing.assert_array_equal(validity(path), ALPHA > 0)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_validity_turns_with_the_image(tmp_path: Path, suffix: str, orientation: int) -> None:
    alpha = np.where(gradient_image(HEIGHT, WIDTH)[..., :2].sum(-1) > 150, 255, 0).astype(np.uint8)
    color = np.where(alpha[..., None] > 0, 200, 20).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.dstack([color, color, color, alpha]))
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    path = save(tmp_path / f"a{suffix}", image, exif=exif, **options)
    valid = validity(path)
    assert valid.shape == ((WIDTH, HEIGHT) if orientation > 4 else (HEIGHT, WIDTH))
    np.testing.assert_array_equal(valid, read_image(path)[..., 0] > 100)


@pytest.mark.parametrize("alpha", [bytes([255, 0, 255]), bytes([0, 7, 0]), bytes([255, 0])])
def test_transparent_palette_entries_are_no_data(tmp_path: Path, alpha: bytes) -> None:
    indices = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 4).astype(np.uint8)
    palette = random_image(4, 1)[:, 0]
    path = save(tmp_path / "a.png", palette_image(indices, palette), transparency=alpha)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's, that RGB cannot hold the transparency
        valid = validity(path)
    levels = np.frombuffer(alpha.ljust(4, b"\xff"), np.uint8)
    np.testing.assert_array_equal(valid, levels[indices] > 0)
    np.testing.assert_array_equal(read_image(path), palette[indices])


def test_the_transparent_color_of_a_png_is_no_data(tmp_path: Path) -> None:
    pixels = random_image()
    pixels[2, 3:7] = 10, 20, 30
    pixels[3, 3] = 10, 20, 31  # differs in one channel
    valid = validity(save(tmp_path / "a.png", Image.fromarray(pixels), transparency=(10, 20, 30)))
    np.testing.assert_array_equal(valid, (pixels != (10, 20, 30)).any(-1))
    assert not valid[2, 3] and valid[3, 3]


@pytest.mark.parametrize(
    ("depth", "row", "expected"),
    [
        (8, bytes([3, 0, 255, 3]), [False, True, True, False]),
        (4, bytes([0x30, 0xF3]), [False, True, True, False]),
        (2, bytes([0b11000111]), [False, True, True, False]),
        (1, bytes([0b10010000]), [False, True, True, False]),
    ],
)
def test_the_transparent_gray_of_a_png_is_no_data_at_every_bit_depth(
    tmp_path: Path, depth: int, row: bytes, expected: list[bool]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(depth, 0, [row], 4, struct.pack(">H", min(3, 2**depth - 1))))
    assert validity(path).tolist() == [expected]


@pytest.mark.parametrize("gray", [0, 7, 255, 2000, 65535])
@pytest.mark.parametrize("bands", [None, (1, 1, 1)])
def test_the_transparent_gray_of_a_png_of_16_bits_is_no_data(
    tmp_path: Path, gray: int, bands: tuple[int, int, int] | None
) -> None:
    values = [0, 7, 255, 256, 2000, 65535]
    (tmp_path / "a.png").write_bytes(png(16, 0, [struct.pack(">6H", *values)], 6, struct.pack(">H", gray)))
    valid = validity(tmp_path / "a.png", Channels(bands, (0, 65535)))
    assert valid.tolist() == [[value != gray for value in values]]


@pytest.mark.parametrize("color", [(0, 0, 0), (1, 2, 300), (4000, 500, 60)])
def test_the_transparent_color_of_a_png_of_16_bits_is_no_data(tmp_path: Path, color: tuple[int, int, int]) -> None:
    values = [(0, 0, 0), (1, 2, 300), (300, 2, 1), (4000, 500, 60), (4000, 500, 61)]
    row = b"".join(struct.pack(">3H", *value) for value in values)
    (tmp_path / "a.png").write_bytes(png(16, 2, [row], 5, struct.pack(">3H", *color)))
    for bands in (None, (3, 2, 1), (1, 1, 1)):
        valid = validity(tmp_path / "a.png", Channels(bands, (0, 65535)))
        assert valid.tolist() == [[value != color for value in values]]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "CMYK"])
def test_the_nodata_value_of_a_tiff_must_be_in_every_channel(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(random_image()).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(ALPHA))
    values = np.asarray(image).copy().reshape(HEIGHT, WIDTH, -1)
    values[1, 2] = values[4, 5] = 1
    if mode == "RGBA":
        values[1, 2, 3] = 255
    if values.shape[2] > 1:
        values[6, 6, :3] = 1, 1, 9
    changed = Image.fromarray(values if values.shape[2] > 1 else values[..., 0], mode=None if mode == "1" else mode)
    if mode == "P":
        changed.putpalette(image.getpalette() or [])
    path = save(tmp_path / "a.tiff", changed.convert(mode), tiffinfo={42113: "1"})
    colors = values[..., :3] if mode == "RGBA" else values
    expected = (colors != 1).any(-1) & ((values[..., 3] > 0) if mode == "RGBA" else True)
    valid = validity(path)
    np.testing.assert_array_equal(valid, expected)
    assert not valid[1, 2] and not valid[4, 5]


@pytest.mark.parametrize("text", ["nan", "-9999", "256", "0.5", "inf", "none", ""])
def test_a_nodata_value_that_no_pixel_can_have_marks_nothing(tmp_path: Path, text: str) -> None:
    path = save(tmp_path / "a.tiff", Image.fromarray(random_image()), tiffinfo={42113: text})
    assert not read_header(path).marks_no_data
    source = PhotographSource(path)
    assert source.fully_valid
    assert source.valid(Window(0, 0, *source.size)).all()


@pytest.mark.parametrize("text", ["0", "0.0", "0 ", "+0e0"])
def test_a_nodata_value_is_read_as_gdal_writes_it(tmp_path: Path, text: str) -> None:
    pixels = random_image()
    pixels[3, 4] = 0
    valid = validity(save(tmp_path / "a.tiff", Image.fromarray(pixels), tiffinfo={42113: text}))
    np.testing.assert_array_equal(valid, (pixels != 0).any(-1))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_opaque_files_are_known_by_their_header(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", Image.fromarray(random_image(64, 96)))
    if suffix != ".webp":  # whose decoder starts with the header
        path.write_bytes(path.read_bytes()[:-40])  # decoding would fail
    assert not read_header(path).marks_no_data
    source = PhotographSource(path)
    assert source.fully_valid
    assert source.valid(Window(8, 8, 4, 6), (2, 3)).tolist() == [[True] * 3] * 2


def test_an_opaque_alpha_channel_is_fully_valid(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(np.dstack([random_image(), np.full((HEIGHT, WIDTH), 9, np.uint8)])))
    assert read_header(path).marks_no_data
    assert PhotographSource(path).fully_valid
