"""Read the directory of a TIFF: its pages, and what the samples of each one are."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from segdrone.utils.regular_file import open_regular

_DOUBLE = 12
_TYPES = {
    1: "B",
    2: "B",
    3: "H",
    4: "I",
    6: "b",
    7: "B",
    8: "h",
    9: "i",
    _DOUBLE: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
_MAX_PAGES = 1000
_MAX_VALUES = 1 << 22  # of a tag: as many blocks as 16 bytes a block make of a file of 64 MB
_MAX_DESCRIBING = 1 << 12  # values of a tag that describes the samples: one for each band
_FORMATS = {1: "u", 2: "i", 3: "f", 4: "u"}  # of samples; 4 is undefined
_COLOR_BANDS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3}  # by photometric interpretation

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIP_OFFSETS, ORIENTATION, BANDS, ROWS_PER_STRIP, STRIP_COUNTS, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 317, 322, 323, 324, 325
EXTRA, FORMAT, NODATA, DNG_VERSION = 338, 339, 42113, 50706
TRANSFORMATION_TAGS = (33550, 33922, 34264)
"""Tags of GeoTIFF that place the pixels on Earth: scale, tie points, matrix."""

_ALPHA = (1, 2)  # extra samples that are an alpha channel; 0 says nothing
_DESCRIBING = (
    SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION, BANDS, PLANAR, PREDICTOR, EXTRA, FORMAT,
    ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT, NODATA, DNG_VERSION,
)  # fmt: skip


@dataclass(frozen=True)
class TiffPage:
    """A page of a TIFF, as its directory describes it.

    Attributes:
        index: Position among the pages, from 0.
        offset: Position of its directory in the file.
        tags: Values by number of the tag, without the positions of its pixels.
    """

    index: int
    offset: int
    tags: Mapping[int, tuple[int, ...]]

    def get(self, tag: int, default: int) -> int:
        """Returns the first value of a tag."""
        return self.tags.get(tag, (default,))[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width as stored, before it is turned by its orientation."""
        return self.get(HEIGHT, 0), self.get(WIDTH, 0)

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 (upright) to 8."""
        value = self.get(ORIENTATION, 1)
        return value if 1 <= value <= 8 else 1

    @property
    def bands(self) -> int:
        """Number of samples of each pixel."""
        old_jpeg = self.get(COMPRESSION, 1) == 6 and self.get(PHOTOMETRIC, 0) in (2, 6)
        return self.get(BANDS, 3 if old_jpeg else max(1, len(self.tags.get(BITS, ()))))

    @property
    def bits(self) -> int:
        """Bits of each sample; 0 if they differ."""
        bits = {*self.tags.get(BITS, (1,))}
        return bits.pop() if len(bits) == 1 else 0

    @property
    def dtype(self) -> np.dtype[np.generic] | None:
        """Type of the samples in memory; None if NumPy has none, e.g. for 12 bits or complex numbers."""
        formats = {*self.tags.get(FORMAT, (1,))}
        kind = _FORMATS.get(formats.pop()) if len(formats) == 1 else None
        sizes = {8: "ui", 16: "uif", 32: "uif", 64: "uif"}
        return np.dtype(f"{kind}{self.bits // 8}") if kind and kind in sizes.get(self.bits, "") else None

    @property
    def sample_type(self) -> str:
        """Type of the samples for people, such as `uint16`."""
        return self.dtype.name if self.dtype is not None else f"{self.bits or 'mixed'} bits"

    @property
    def alpha(self) -> int | None:
        """Position of the band that is called alpha, from 0."""
        extra = self.tags.get(EXTRA, ())
        first = self.bands - len(extra)
        return next((first + i for i, value in enumerate(extra) if value in _ALPHA), None)

    @property
    def says_colors(self) -> bool:
        """Whether the directory says what each band is: gray, palette or color, and perhaps alpha."""
        colors = _COLOR_BANDS.get(self.get(PHOTOMETRIC, 0))
        return colors is not None and self.bands - colors == (0 if self.alpha is None else 1)

    @property
    def is_reduced(self) -> bool:
        """Whether it is a smaller copy of another page."""
        return bool(self.get(SUBFILE, 0) & 1)

    @property
    def is_mask(self) -> bool:
        """Whether it marks the valid pixels of another page."""
        return bool(self.get(SUBFILE, 0) & 4) or self.get(PHOTOMETRIC, 0) == 4

    @property
    def nodata(self) -> float | None:
        """GDAL's value of pixels that are no data; may be NaN."""
        try:
            return float(bytes(self.tags[NODATA]).decode("ascii").strip("\0 "))
        except (KeyError, ValueError):
            return None


def read_pages(path: Path) -> list[TiffPage]:
    """Returns the pages of a TIFF; empty if the file is no TIFF, or its directory is broken.

    Example:
        >>> read_pages(Path(__file__))
        []
    """
    pages: list[TiffPage] = []
    try:
        with open_regular(path) as file:
            order, big, offset = _read_start(file)
            seen: set[int] = set()
            while offset and offset not in seen and len(pages) < _MAX_PAGES:
                seen.add(offset)
                tags, following = _read_directory(file, order, big, offset, _DESCRIBING)
                pages.append(TiffPage(len(pages), offset, tags))
                offset = following
    except (OSError, struct.error, ValueError, KeyError, OverflowError):
        return pages
    return pages


def byte_order(file: BinaryIO) -> Literal["<", ">"]:
    """Returns the byte order of an open TIFF as NumPy writes it: `<` or `>`."""
    return ">" if _read_start(file)[0] == ">" else "<"


def read_tags(file: BinaryIO, page: TiffPage, tags: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Returns further tags of a page, such as the positions of its pixels."""
    order, big, _ = _read_start(file)
    return _read_directory(file, order, big, page.offset, tags)[0]


def _read_start(file: BinaryIO) -> tuple[str, bool, int]:
    file.seek(0)
    start = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2], "")
    version = struct.unpack(f"{order}H", start[2:4])[0] if order else 0
    if version not in (42, 43):
        raise ValueError("not a TIFF")
    big = version == 43
    return order, big, struct.unpack(f"{order}{'Q' if big else 'I'}", start[8:16] if big else start[4:8])[0]


def _read_directory(
    file: BinaryIO, order: str, big: bool, offset: int, wanted: Sequence[int]
) -> tuple[dict[int, tuple[int, ...]], int]:
    """Returns the wanted tags of a directory, and the position of the next directory."""
    entry, width = ("HHQ8s", 8) if big else ("HHI4s", 4)
    file.seek(offset)
    (number,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
    if number > 10_000:
        raise ValueError("more tags than a page can have")
    size = struct.calcsize(f"={entry}")
    entries = file.read(size * number)
    (following,) = struct.unpack(f"{order}{'Q' if big else 'I'}", file.read(width).ljust(width, b"\0"))
    tags = {}
    for position in range(number):
        tag, kind, count, data = struct.unpack(order + entry, entries[position * size : (position + 1) * size])
        if tag not in wanted or kind not in _TYPES or not 0 < count <= _MAX_VALUES:
            continue
        if kind == _DOUBLE and tag not in TRANSFORMATION_TAGS:
            continue
        if wanted is _DESCRIBING and count > _MAX_DESCRIBING:
            raise ValueError("more bands than are read")
        form = f"{order}{count}{_TYPES[kind]}"
        length = struct.calcsize(form)
        if length > width:
            file.seek(struct.unpack(f"{order}{'Q' if big else 'I'}", data)[0])
            data = file.read(length)
        tags[tag] = struct.unpack(form, data[:length])
    return tags, following
