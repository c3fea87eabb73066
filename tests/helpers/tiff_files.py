"""Write TIFFs that Pillow cannot write: any bands and types, in strips or tiles, with several pages."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = {"u": 1, "i": 2, "f": 3}


@dataclass(frozen=True)
class Page:
    """A page of a TIFF.

    Args:
        pixels: `[H, W, bands]` of any type.
        photometric: 1 gray, 2 RGB, 4 a mask; None is RGB for uint8 of three bands and more, else gray.
        extra: Meaning of the bands after the colors, 0 unknown, 2 alpha; None is unknown.
        planar: Whether each band is stored by itself.
        tile: Side of the tiles; None stores strips.
        rows: Rows of a strip; None stores a single one.
        deflate: Whether it is compressed.
        bits: 1 to store 0 and 1 as bits.
        tags: Further tags: number, type and values.
    """

    pixels: NDArray[Any]
    photometric: int | None = None
    extra: tuple[int, ...] | None = None
    planar: bool = False
    tile: int | None = None
    rows: int | None = None
    deflate: bool = False
    bits: int | None = None
    tags: tuple[tuple[int, int, Any], ...] = field(default=())


def write_tiff(path: Path, *pages: Page | NDArray[Any], order: str = "<") -> Path:
    """Writes pages in byte order `<` or `>`, and returns the path."""
    content, previous = bytearray(b"II*\0\0\0\0\0" if order == "<" else b"MM\0*\0\0\0\0"), 4
    for page in pages:
        entries = _entries(page if isinstance(page, Page) else Page(page), content, order)
        content += bytes(len(content) % 2)
        content[previous : previous + 4] = struct.pack(f"{order}I", len(content))
        start, after = len(content), len(content) + 2 + 12 * len(entries) + 4
        body, values = b"", b""
        for tag, kind, data in sorted(entries):
            form = {2: "s", 3: "H", 4: "I"}[kind]
            raw = data if kind == 2 else struct.pack(f"{order}{len(data)}{form}", *data)
            body += struct.pack(f"{order}HHI", tag, kind, len(data))
            body += raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(f"{order}I", after + len(values))
            values += raw + bytes(len(raw) % 2) if len(raw) > 4 else b""
        content += struct.pack(f"{order}H", len(entries)) + body + bytes(4) + values
        previous = start + 2 + 12 * len(entries)
    path.write_bytes(content)
    return path


def _entries(page: Page, content: bytearray, order: str) -> list[tuple[int, int, Any]]:
    """Appends the blocks of a page, and returns its tags."""
    pixels = page.pixels if page.pixels.ndim == 3 else page.pixels[..., None]
    height, width, bands = pixels.shape
    photometric = page.photometric
    if photometric is None:
        photometric = 2 if bands >= 3 and pixels.dtype == np.uint8 else 1
    step, across = (page.tile, page.tile) if page.tile else (page.rows or height, width)
    offsets, counts = [], []
    for plane in np.split(pixels, bands, axis=2) if page.planar else [pixels]:
        for top in range(0, height, step):
            for left in range(0, width, across):
                block = plane[top : top + step, left : left + across]
                if page.tile:
                    missing = ((0, step - block.shape[0]), (0, across - block.shape[1]), (0, 0))
                    block = np.pad(block, missing)
                data = block.astype(block.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
                if page.bits == 1:
                    data = np.packbits(block[..., 0].astype(bool), axis=1).tobytes()
                data = zlib.compress(data) if page.deflate else data
                offsets.append(len(content))
                counts.append(len(data))
                content += data
    tags = [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [page.bits or 8 * pixels.dtype.itemsize] * bands),
        (259, 3, [8 if page.deflate else 1]), (262, 3, [photometric]), (277, 3, [bands]),
        (284, 3, [2 if page.planar else 1]), (339, 3, [_KINDS[pixels.dtype.kind]] * bands),
    ]  # fmt: skip
    if page.tile:
        tags += [(322, 4, [page.tile]), (323, 4, [page.tile]), (324, 4, offsets), (325, 4, counts)]
    else:
        tags += [(273, 4, offsets), (278, 4, [step]), (279, 4, counts)]
    others = bands - (3 if photometric == 2 else 1)
    if others:
        tags.append((338, 3, [*(page.extra or [0] * others)]))
    return [*tags, *page.tags]


def nodata(text: str) -> tuple[int, int, Any]:
    """GDAL's tag of the value that is no data."""
    return 42113, 2, text.encode() + b"\0"
