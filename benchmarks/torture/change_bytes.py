"""Change a file as a bad disk, a broken transfer or an enemy without plan would: by bytes."""

from __future__ import annotations

import random
import struct

_INTEGERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 10**6, 65_000)


def change_bytes(content: bytes, rng: random.Random) -> bytes:
    """Returns the content with one to six random changes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(_CHANGES)(data, rng)
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Returns a position: half of them in the first 512 bytes, where headers are."""
    end = max(1, len(data))
    return rng.randrange(min(end, 512)) if rng.random() < 0.5 else rng.randrange(end)


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _set(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] = rng.choice((0, 255, 10, 13, 27, 127, rng.randrange(256)))


def _integer(data: bytearray, rng: random.Random) -> None:
    at, form = _place(data, rng), rng.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    data[at : at + size] = struct.pack(form, rng.choice(_INTEGERS) & ((1 << 8 * size) - 1))


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 4, 100))]


def _repeat(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = data[at : at + rng.choice((1, 8, 64, 1024))] * rng.choice((1, 3))


def _noise(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at : at + 32] = rng.randbytes(32)


def _zeros(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    size = len(data[at : at + rng.choice((16, 512, 4096))])  # a block that a power cut left empty
    data[at : at + size] = bytes(size)


_CHANGES = (_flip, _flip, _set, _integer, _integer, _truncate, _remove, _repeat, _noise, _zeros)
