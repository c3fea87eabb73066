"""Pixels as the tools pack them: runs of COCO and CVAT, brushes of Label Studio, PNG of LabelMe.

Each says what is wrong by ValueError, with a text that goes on after the name of the place.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.windows import Size


@dataclass(frozen=True)
class Runs:
    """Run lengths of pixels outside and inside in turn, beginning outside (COCO and CVAT).

    Args:
        counts: The lengths, int64 `[N]`.
        size: Height and width in pixels of the rectangle they fill.
        top: Its first row in the photograph.
        left: Its first column.
        by_columns: Whether they run down the columns (COCO) or along the rows (CVAT).

    Raises:
        ValueError: A length is negative, or they do not fill the rectangle.
    """

    counts: NDArray[np.int64]
    size: Size
    top: int = 0
    left: int = 0
    by_columns: bool = False

    def __post_init__(self) -> None:
        total = self.counts.sum(dtype=np.float64)  # which cannot wrap around
        if min(self.size) < 1 or self.counts.min(initial=0) < 0 or total != self.size[0] * self.size[1]:
            raise ValueError(
                f"has run lengths of {total:.0f} pixels in all (or a negative one), "
                f"not the {self.size[0] * self.size[1]} of {self.size[1]} x {self.size[0]}"
            )

    @property
    def area(self) -> int:
        """Pixels inside."""
        return int(self.counts[1::2].sum())

    def pixels(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns top row, left column and pixels, bool `[h, w]`, of the lines that hold any."""
        _refuse_larger(self.top, self.left, self.size, size)
        length = self.size[0 if self.by_columns else 1]
        ends = np.cumsum(self.counts)
        filled = 2 * np.flatnonzero(self.counts[1::2]) + 1
        if not filled.size:
            return 0, 0, np.zeros((0, 0), bool)
        first, beyond = int(ends[filled[0] - 1]) // length, (int(ends[filled[-1]]) - 1) // length + 1
        clipped = np.clip(ends, first * length, beyond * length)
        lengths = clipped - np.concatenate([[first * length], clipped[:-1]])
        block = np.repeat(np.arange(len(ends)) % 2 == 1, lengths).reshape(beyond - first, length)
        return (self.top, self.left + first, block.T) if self.by_columns else (self.top + first, self.left, block)


def coco_counts(text: str) -> NDArray[np.int64]:
    """Returns the run lengths of COCO's compressed string.

    Each character is 48 + 6 bits: 5 of a signed number, lowest first, and 32 where it goes on. From
    the fourth length on the number is the difference to the length two before (`rleToString` of
    cocoapi's maskApi.c).

    Raises:
        ValueError: It holds other characters, ends within a number, or a number too large.
    """
    codes = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64) - 48
    if not codes.size:
        return codes
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("is cut short, or no run lengths as COCO packs them")
    last = np.flatnonzero(codes < 32)
    first = np.concatenate([[0], last[:-1] + 1])
    digits = last - first + 1
    if digits.max() > 8:  # 40 bits
        raise ValueError("holds a run length that no photograph has")
    shift = 5 * (np.arange(codes.size) - np.repeat(first, digits))
    counts = np.add.reduceat((codes & 31) << shift, first)
    counts -= np.where(codes[last] & 16, np.int64(1) << (5 * digits), 0)
    for start in (1, 2):
        counts[start::2] = np.cumsum(counts[start::2])
    return np.asarray(counts, np.int64)


@dataclass(frozen=True)
class Brush:
    """A brush of Label Studio: the photograph's RGBA values, packed as thi.ng/rle-pack does.

    After a head of 32 bits (how many values), 5 (bits a value, less 1) and 4 x 4 (bits of the four
    sorts of length, less 1) follow records: 1 bit (one value repeated, or values as they are), 2 bits
    (sort of length), the length less 1, and the value or values. A pixel is inside where its alpha
    is above 0.
    """

    packed: bytes

    def pixels(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns row 0, column 0 and the pixels, bool `[H, W]`."""
        values = _unpacked(_Bits(self.packed), 4 * size[0] * size[1])
        return 0, 0, values.reshape(*size, 4)[..., 3] > 0


@dataclass(frozen=True)
class Png:
    """A mask of LabelMe: PNG in base64, at most as large as its rectangle.

    Args:
        encoded: The text.
        size: Height and width in pixels of the rectangle, its last row and column included.
        top: First row in the photograph; may lie outside.
        left: First column; may lie outside.
    """

    encoded: str
    size: Size
    top: int
    left: int

    def pixels(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns top row, left column and the pixels, bool `[h, w]`: those that are not 0."""
        try:
            with Image.open(BytesIO(base64.b64decode(self.encoded, validate=True)), formats=("PNG",)) as image:
                width, height = image.size
                _refuse_larger(0, 0, (height, width), (min(self.size[0], size[0]), min(self.size[1], size[1])))
                if image.mode not in ("1", "L"):
                    raise ValueError(f"has pixels of type {image.mode}, not one of two values")
                return self.top, self.left, np.array(image) != 0
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"is no mask in PNG ({' '.join(str(error).split())})") from None


def _refuse_larger(top: int, left: int, size: Size, limit: Size) -> None:
    if min(top, left) < 0 or top + size[0] > limit[0] or left + size[1] > limit[1]:
        raise ValueError(
            f"is a mask of {size[1]} x {size[0]} pixels at column {left}, row {top}, "
            f"which does not fit into {limit[1]} x {limit[0]}"
        )


class _Bits:
    """Reads numbers of a few bits from bytes, the highest bit first."""

    def __init__(self, packed: bytes) -> None:
        self._packed, self._at = packed, 0

    def number(self, bits: int) -> int:
        packed, _, spare = self._next(bits)
        return int.from_bytes(packed, "big") >> spare & ((1 << bits) - 1)

    def numbers(self, count: int, bits: int) -> NDArray[np.uint8]:
        packed, skipped, _ = self._next(count * bits)
        unpacked = np.unpackbits(np.frombuffer(packed, np.uint8))[skipped : skipped + count * bits]
        return np.packbits(unpacked.reshape(count, bits), 1)[:, 0] >> np.uint8(8 - bits)

    def _next(self, bits: int) -> tuple[bytes, int, int]:
        """Returns the bytes that hold the next bits, and how many others lie before and after those."""
        start, self._at = self._at, self._at + bits
        first, beyond = start // 8, (self._at + 7) // 8
        if beyond > len(self._packed):
            raise ValueError("is a brush that is cut short")
        return self._packed[first:beyond], start % 8, 8 * beyond - self._at


def _unpacked(bits: _Bits, total: int) -> NDArray[np.uint8]:
    if (count := bits.number(32)) != total:
        raise ValueError(f"is a brush of {count} values, not the {total} of its photograph (4 a pixel)")
    if (value_bits := bits.number(5) + 1) > 8:
        raise ValueError(f"is a brush of {value_bits} bits a value, not 8")
    length_bits = [bits.number(4) + 1 for _ in range(4)]
    values = np.zeros(total, np.uint8)
    at = 0
    while at < total:
        repeated = bits.number(1)
        end = at + 1 + bits.number(length_bits[bits.number(2)])
        if end > total:
            raise ValueError(f"is a brush of more than the {total} values it announces")
        if not repeated:
            values[at:end] = bits.numbers(end - at, value_bits)
        elif value := bits.number(value_bits):
            values[at:end] = value
        at = end
    return values
