"""Damaged and hostile images: read or refused in one line, in bounded time and memory."""

from __future__ import annotations

import io
import random
import resource
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.data.masks import label_lookup
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import DataError, SegdroneError
from segdrone.raster.capture import read_capture
from segdrone.raster.channels import Channels
from segdrone.raster.decode import read_image
from segdrone.raster.header import read_size
from segdrone.raster.photograph import PhotographSource
from segdrone.windows import Window

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
ENCODING = MaskEncoding.load("drone")
TAGS = (256, 257, 258, 259, 262, 273, 277)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def originals() -> dict[str, bytes]:
    values = np.random.default_rng(0).integers(0, 20, (12, 16, 3), np.uint8)
    image, mask = Image.fromarray(values), Image.fromarray(values[..., 0])
    exif = Image.Exif()
    exif[0x0112], exif[0x0132] = 6, "2024:01:01 10:00:00"
    palette = mask.copy()
    palette.putpalette(bytes(range(60)))
    return {
        "a.jpg": encoded(image, "JPEG", exif=exif),
        "progressive.jpg": encoded(image, "JPEG", progressive=True),
        "a.png": encoded(image, "PNG", exif=exif),
        "palette.png": encoded(palette, "PNG", transparency=3),
        "deep.png": encoded(Image.fromarray(values[..., 0].astype(np.uint16)), "PNG"),
        "a.tif": encoded(image, "TIFF", exif=exif),
        "lzw.tif": encoded(mask, "TIFF", compression="tiff_lzw"),
        "float.tif": encoded(Image.fromarray(values[..., 0].astype(np.float32)), "TIFF", compression="tiff_lzw"),
        "a.webp": encoded(image, "WEBP", lossless=True, exif=exif),
    }


def mutations(content: bytes, is_tiff: bool, random_: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        changed = bytearray(content)
        if is_tiff:  # a field of the directory
            start = struct.unpack("<I", changed[4:8])[0]
            entry = start + 2 + 12 * random_.randrange(struct.unpack("<H", changed[start : start + 2])[0])
            place, form = random_.choice([(0, "<H"), (2, "<H"), (4, "<I"), (8, "<I")])
            value = random_.choice([0, 1, 3, 5, 12, 16, 255, 274, 282, 34665, 65535, 2**31, 2**32 - 1])
            size = struct.calcsize(form)
            changed[entry + place : entry + place + size] = struct.pack(form, value % 2 ** (8 * size))
        else:
            for _ in range(random_.choice([1, 2, 8])):
                position = random_.randrange(min(len(changed), random_.choice([64, 256, len(changed)])))
                changed[position] = random_.randrange(256)
        yield bytes(changed)


@pytest.mark.parametrize("name", originals())
def test_no_other_error_than_one_line_leaves_the_readers(tmp_path: Path, name: str) -> None:
    path, refused = tmp_path / f"x{Path(name).suffix}", 0
    for content in mutations(originals()[name], name.endswith(".tif"), random.Random(name), 60):
        path.write_bytes(content)
        for read in (
            read_size,
            read_image,
            lambda path: read_image(path, channels=Channels((1, 1, 1), (0, 9))),
            lambda path: (source := PhotographSource(path)).valid(Window(0, 0, *source.size)),
            read_capture,
            lambda path: read_mask(path, ENCODING),
        ):
            try:
                read(path)
            except SegdroneError as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("kind", [2, 5, 7, 12])
def test_tags_of_wrong_types_are_refused_in_one_line(tmp_path: Path, tag: int, kind: int) -> None:
    content = bytearray(originals()["a.tif"])
    start = struct.unpack("<I", content[4:8])[0]
    entries = range(start + 2, start + 2 + 12 * struct.unpack("<H", content[start : start + 2])[0], 12)
    entry = next(entry for entry in entries if struct.unpack("<H", content[entry : entry + 2])[0] == tag)
    content[entry + 2 : entry + 4] = struct.pack("<H", kind)
    path = tmp_path / "x.tif"
    path.write_bytes(content)
    for read in (read_image, lambda path: read_mask(path, ENCODING)):
        try:
            read(path)
        except DataError as error:
            assert "\n" not in str(error)


def test_a_jpeg_of_more_scans_than_programs_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.new("L", (6000, 4000)).save(path, progressive=True)
    content = path.read_bytes()
    read_image(path)
    last = content[content.rindex(b"\xff\xda") : -2]
    path.write_bytes(content[:-2] + 200 * last + b"\xff\xd9")
    started = time.process_time()
    with pytest.raises(DataError, match="is a JPEG of 20. scans"):
        read_image(path)
    with pytest.raises(DataError, match="is a JPEG of 20. scans"):
        read_mask(path, ENCODING)
    assert time.process_time() - started < 2


def black_png(path: Path, side: int, kind: int, depth: int, before: bytes = b"") -> Path:
    channels = {0: 1, 2: 3, 6: 4}[kind]
    rows = (b"\0" + bytes(side * channels * depth // 8)) * 100
    compressor = zlib.compressobj(1)
    pixels = b"".join(compressor.compress(rows) for _ in range(side // 100)) + compressor.flush()
    header = struct.pack(">IIBBBBB", side, side, depth, kind, 0, 0, 0)
    chunks = b"".join(map(chunk, (b"IHDR", b"IDAT", b"IEND"), (header, pixels, b"")))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks[:25] + before + chunks[25:])
    return path


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize(("kind", "depth"), [(2, 8), (6, 8), (2, 16)])
def test_a_mask_of_few_bytes_takes_little_more_memory_than_its_pixels(tmp_path: Path, kind: int, depth: int) -> None:
    side = 4000
    path = black_png(tmp_path / "x.png", side, kind, depth)
    own = side * side * {2: 3, 6: 4}[kind] * depth // 8
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_mask(path, ENCODING)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < 5 * own


@pytest.mark.parametrize(
    "before",
    [
        b"".join(chunk(b"zTXt", b"k%d\0\0" % i + zlib.compress(bytes(1 << 20))) for i in range(100)),
        chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(1 << 26))),
        chunk(b"eXIf", b"II*\0\x08\0\0\0\x03\0" + struct.pack("<HHII", 34665, 4, 1, 8) * 3 + struct.pack("<I", 8)),
        chunk(b"tEXt", b"Raw profile type exif\0\nexif\n   8\nzz"),
    ],
    ids=["texts", "profile", "cyclic EXIF", "EXIF that is no hexadecimal"],
)
def test_metadata_that_unpacks_to_much_ends_in_one_line(tmp_path: Path, before: bytes) -> None:
    path = black_png(tmp_path / "x.png", 100, 2, 8, before)
    started = time.process_time()
    for read in (read_image, read_capture):
        try:
            read(path)
        except DataError as error:
            assert "\n" not in str(error)
    assert time.process_time() - started < 5


def test_noise_is_no_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_lookup, "_MAX_UNKNOWN", 5000)
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "colors.png")
    Image.fromarray(noise[..., 0] + np.random.default_rng(1).random((100, 100), np.float32)).save(tmp_path / "x.tif")
    for path in tmp_path.iterdir():
        with pytest.raises(DataError, match="more than 5000 values or colors that no class has"):
            read_mask(path, ENCODING)
