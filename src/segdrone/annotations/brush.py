"""Decode brush masks of Label Studio.

Invalid content raises ValueError, with a text that continues after the file and place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Size


@dataclass(frozen=True)
class Brush:
    """A brush mask of Label Studio: the photograph's RGBA values, packed as thi.ng/rle-pack does.

    The header has 32 bits (number of values), 5 bits (bits per value, minus 1) and 4 x 4 bits (bits of the four kinds
    of run length, minus 1). Records follow: 1 bit (one repeated value, or single values), 2 bits (kind of run length),
    the run length minus 1, and the value or values. A pixel is inside where its alpha is above 0.
    """

    packed: bytes

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns row 0, column 0 and the pixels, bool `[H, W]`."""
        values = _unpack(_BitReader(self.packed), 4 * size[0] * size[1])
        return 0, 0, values.reshape(*size, 4)[..., 3] > 0


class _BitReader:
    """Reads numbers of a few bits from bytes, highest bit first."""

    def __init__(self, packed: bytes) -> None:
        self._packed, self._position = packed, 0

    def read(self, bits: int) -> int:
        packed, _, after = self._next(bits)
        return int.from_bytes(packed, "big") >> after & ((1 << bits) - 1)

    def read_array(self, count: int, bits: int) -> NDArray[np.uint8]:
        packed, before, _ = self._next(count * bits)
        unpacked = np.unpackbits(np.frombuffer(packed, np.uint8))[before : before + count * bits]
        return np.packbits(unpacked.reshape(count, bits), 1)[:, 0] >> np.uint8(8 - bits)

    def _next(self, bits: int) -> tuple[bytes, int, int]:
        """Returns the bytes that contain the next bits, and how many other bits come before and after them."""
        start, self._position = self._position, self._position + bits
        first, stop = start // 8, (self._position + 7) // 8
        if stop > len(self._packed):
            raise ValueError("is a brush that is cut short")
        return self._packed[first:stop], start % 8, 8 * stop - self._position


def _unpack(reader: _BitReader, total: int) -> NDArray[np.uint8]:
    if (count := reader.read(32)) != total:
        raise ValueError(f"is a brush of {count} values, not the {total} of its photograph (4 per pixel)")
    if (value_bits := reader.read(5) + 1) > 8:
        raise ValueError(f"is a brush of {value_bits} bits per value, not 8")
    length_bits = [reader.read(4) + 1 for _ in range(4)]
    values = np.zeros(total, np.uint8)
    start = 0
    while start < total:
        is_repeated = reader.read(1)
        end = start + 1 + reader.read(length_bits[reader.read(2)])
        if end > total:
            raise ValueError(f"is a brush of more than the {total} values in its header")
        if not is_repeated:
            values[start:end] = reader.read_array(end - start, value_bits)
        elif value := reader.read(value_bits):
            values[start:end] = value
        start = end
    return values
