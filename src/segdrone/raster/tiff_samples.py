"""Decode the samples of a TIFF page, of any number of bands and any type, which Pillow alone cannot open.

Pillow's decoder is used on blocks of bytes: a strip or tile of any type is a gray 8-bit image whose rows are the bytes
of its rows. Their meaning (type, byte order, bands, predictor) is applied here.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.raster import tiff
from segdrone.raster.tiff import TiffPage
from segdrone.utils.regular_file import open_regular

_CODECS = (1, 5, 8, 32773, 32946, 50000)  # none, LZW, Deflate, PackBits, Deflate, Zstandard: whatever the samples are

_STRIP = 1 << 22  # bytes
_MAX_PADDING = 1 << 30  # bytes of tiles outside of the image
_MAX_BYTES = 1 << 33  # of all samples: 12 s

Bytes = NDArray[np.uint8]


def can_decode(page: TiffPage) -> bool:
    """Whether `read_samples` can decode a page: compressed without loss, and of a type that NumPy has, or 1 bit."""
    known = (page.dtype is not None or page.bits == 1) and page.bands > 0
    if page.size[0] * page.size[1] * page.bands * page.bits > 8 * _MAX_BYTES:
        return False
    return known and page.get(tiff.COMPRESSION, 1) in _CODECS and page.get(tiff.PREDICTOR, 1) in (1, 2, 3)


def read_samples(path: Path, page: TiffPage, bands: Sequence[int]) -> Iterator[NDArray[Any]]:
    """Yields rows of a page from top to bottom, as stored: `[h, W, len(bands)]` of its type; bits become 0 and 1.

    Args:
        path: The file.
        page: A page that `can_decode` accepts.
        bands: Positions of the wanted bands, from 0, in any order.

    Raises:
        OSError: The file is truncated or damaged.
    """
    with open_regular(path) as file:
        blocks = _Blocks(file, page)
        height, width = page.size
        for top in range(0, height, blocks.height):
            rows = min(blocks.height, height - top)
            layers = []
            for plane in bands if blocks.planar else [0]:
                layers.append(blocks.read_row(plane, top // blocks.height, rows)[:, :width])
            samples = np.concatenate(layers, axis=2) if blocks.planar else layers[0][..., list(bands)]
            yield np.ascontiguousarray(samples)


class _Blocks:
    """The strips or tiles of a page."""

    def __init__(self, file: BinaryIO, page: TiffPage) -> None:
        self._file, self._page = file, page
        tiled = tiff.TILE_WIDTH in page.tags
        tags = (tiff.TILE_OFFSETS, tiff.TILE_COUNTS) if tiled else (tiff.STRIP_OFFSETS, tiff.STRIP_COUNTS)
        found = tiff.read_tags(file, page, tags)
        height, width = page.size
        self.planar = page.get(tiff.PLANAR, 1) == 2 and page.bands > 1
        self.height = page.get(tiff.TILE_HEIGHT, 0) if tiled else min(page.get(tiff.ROWS_PER_STRIP, height), height)
        self._tiled, self._width = tiled, page.get(tiff.TILE_WIDTH, 0) if tiled else width
        if self.height < 1 or self._width < 1:
            raise OSError("its blocks have no size")
        self._samples = 1 if self.planar else page.bands
        self._bits = self._width * self._samples * page.bits
        self._across, self._down = math.ceil(width / self._width), math.ceil(height / self.height)
        padding = self._across * self._width * self._down * self.height - width * height
        if padding * self._samples * page.bits > 8 * _MAX_PADDING:
            raise OSError("its tiles are much larger than the image")
        self._offsets = [*found.get(tags[0], ())]
        self._counts = [*found.get(tags[1], ())]
        if not self._counts and len(self._offsets) == 1:  # old writers leave it out for a single strip
            self._counts = [math.ceil(self._bits / 8) * self.height]
        needed = self._across * self._down * (page.bands if self.planar else 1)
        if min(len(self._offsets), len(self._counts)) < needed:
            raise OSError("positions of its pixels are missing")
        if self._down == 1 and not tiled and page.get(tiff.COMPRESSION, 1) == 1:
            self._split_strips(height)
        self._order = tiff.byte_order(file)

    def _split_strips(self, height: int) -> None:
        """Cuts uncompressed strips that hold a whole image into strips of a few rows."""
        row_bytes = math.ceil(self._bits / 8)
        self.height = min(height, max(1, _STRIP // row_bytes))
        self._down = math.ceil(height / self.height)
        starts = [row * self.height * row_bytes for row in range(self._down)]
        self._offsets = [offset + start for offset in self._offsets if offset for start in starts]
        self._counts = [self.height * row_bytes] * len(self._offsets)
        if not self._offsets:
            raise OSError("positions of its pixels are missing")

    def read_row(self, plane: int, row: int, rows: int) -> NDArray[Any]:
        """Returns a row of blocks side by side: `[rows, W, samples]`."""
        first = (plane * self._down + row) * self._across
        decoded = [self._decode(index, rows) for index in range(first, first + self._across)]
        return np.concatenate(decoded, axis=1) if len(decoded) > 1 else decoded[0]

    def _decode(self, index: int, rows: int) -> NDArray[Any]:
        stored_rows, row_bytes = self.height if self._tiled else rows, math.ceil(self._bits / 8)
        offset, count = self._offsets[index], self._counts[index]
        if stored_rows * row_bytes > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
            raise OSError("a block of its pixels is too large: write it in tiles")
        if offset == 0 or count == 0:  # GDAL leaves out blocks of no data
            fill = self._page.nodata
            shape = (rows, self._width, self._samples)
            usable = fill is not None and self._page.dtype is not None and fill == fill
            return np.full(shape, fill if usable else 0, self._page.dtype or np.uint8)
        self._file.seek(offset)
        compression = self._page.get(tiff.COMPRESSION, 1)
        data = self._file.read(min(count, stored_rows * row_bytes) if compression == 1 else count)
        if compression == 1:
            if len(data) < stored_rows * row_bytes:
                raise OSError("image file is truncated")
            decoded = np.frombuffer(data, np.uint8).reshape(stored_rows, row_bytes)
        else:
            decoded = _decompress(data, compression, stored_rows, row_bytes)
        return self._interpret(decoded)[:rows]

    def _interpret(self, rows: Bytes) -> NDArray[Any]:
        shape = (len(rows), self._width, self._samples)
        dtype, predictor = self._page.dtype, self._page.get(tiff.PREDICTOR, 1)
        if dtype is None:  # single bits
            return np.unpackbits(rows, axis=1)[:, : self._width * self._samples].reshape(shape)
        if predictor == 3:
            summed = np.add.accumulate(rows.reshape(len(rows), -1, self._samples), axis=1, dtype=np.uint8)
            planes = summed.reshape(len(rows), dtype.itemsize, -1)  # highest byte first
            values = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(dtype.newbyteorder(">"))
            return values.astype(dtype).reshape(shape)
        unsigned = np.dtype(f"u{dtype.itemsize}")
        values = np.ascontiguousarray(rows).view(unsigned.newbyteorder(self._order)).reshape(shape).astype(unsigned)
        if predictor == 2:
            values = np.add.accumulate(values, axis=1, dtype=unsigned)
        return values.view(dtype)


def _decompress(data: bytes, compression: int, rows: int, row_bytes: int) -> Bytes:
    """Decompresses a block by Pillow, which takes it for a gray image in a file of its own."""
    tags = [
        (tiff.WIDTH, row_bytes), (tiff.HEIGHT, rows), (tiff.BITS, 8), (tiff.COMPRESSION, compression),
        (tiff.PHOTOMETRIC, 1), (tiff.STRIP_OFFSETS, 8), (tiff.BANDS, 1), (tiff.ROWS_PER_STRIP, rows),
        (tiff.STRIP_COUNTS, len(data)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    padding = bytes(len(data) % 2)
    start = b"II*\0" + struct.pack("<I", 8 + len(data) + len(padding))
    with Image.open(io.BytesIO(start + data + padding + directory + bytes(4)), formats=("TIFF",)) as image:
        return np.asarray(image)
