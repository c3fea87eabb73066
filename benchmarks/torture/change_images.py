"""Change image and video files by their structure: chunks, segments, tags and boxes stay well formed around it."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

from benchmarks.torture.change_bytes import change_bytes

_HUGE = (0, 1, 2, 255, 256, 65_535, 65_500, 30_000, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_PNG, _JPEG, _RIFF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF"


def change_structure(content: bytes, rng: random.Random) -> bytes:
    """Returns the file with some of its parts changed, dropped, repeated or exchanged."""
    if content.startswith(_PNG):
        return _PNG + b"".join(map(_png_chunk, _edit(list(_png_chunks(content)), rng)))
    if content.startswith(_JPEG):
        head, scan = _jpeg_segments(content)
        return _JPEG + b"".join(map(_jpeg_segment, _edit(head, rng))) + scan * rng.choice((1, 1, 1, 2, 50))
    if content.startswith((b"II*\0", b"MM\0*")):
        return _tiff(content, rng)
    if content.startswith(_RIFF):
        parts = b"".join(map(_riff_chunk, _edit(list(_riff_chunks(content)), rng)))
        return _RIFF + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts
    if content[4:8] == b"ftyp":
        return b"".join(map(_box, _edit(list(_boxes(content)), rng)))
    return _integers(content, rng)


Part = tuple[bytes, bytes]  # name and content


def _edit(parts: list[Part], rng: random.Random) -> list[Part]:
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(parts))
        name, body = parts[at]
        action = rng.randrange(8)
        if action < 4:
            parts[at] = (name, _integers(body, rng))
        elif action == 4:
            parts[at] = (name, change_bytes(body, rng))
        elif action == 5 and len(parts) > 1:
            del parts[at]
        elif action == 6:
            parts.insert(rng.randrange(len(parts) + 1), (name, body))
        else:
            parts[at] = (rng.choice(parts)[0], body)
    return parts


def _integers(body: bytes, rng: random.Random) -> bytes:
    """Replaces a number near the start, where sizes are, or a nested box of a video."""
    data = bytearray(body)
    if len(data) > 16 and data[4:8].isalnum() and rng.random() < 0.8:
        return b"".join(map(_box, _edit(list(_boxes(body)), rng)))
    form = rng.choice((">I", "<I", ">H", "<H", "B"))
    size = struct.calcsize(form)
    at = rng.randrange(max(1, min(64, len(data)))) if rng.random() < 0.8 else rng.randrange(max(1, len(data)))
    data[at : at + size] = struct.pack(form, rng.choice(_HUGE) & ((1 << 8 * size) - 1))
    return bytes(data)


def _png_chunks(content: bytes) -> Iterator[Part]:
    at = len(_PNG)
    while at + 12 <= len(content):
        length = struct.unpack_from(">I", content, at)[0]
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += length + 12


def _png_chunk(part: Part) -> bytes:
    name, body = part
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _jpeg_segments(content: bytes) -> tuple[list[Part], bytes]:
    """Returns the segments before the first scan, and the rest."""
    at, segments = 2, []
    while content[at : at + 1] == b"\xff" and content[at + 1] != 0xDA:
        length = struct.unpack_from(">H", content, at + 2)[0]
        segments.append((content[at : at + 2], content[at + 4 : at + 2 + length]))
        at += 2 + length
    return segments, content[at:]


def _jpeg_segment(part: Part) -> bytes:
    return part[0] + struct.pack(">H", min(len(part[1]) + 2, 65_535)) + part[1]


def _riff_chunks(content: bytes) -> Iterator[Part]:
    at = 12
    while at + 8 <= len(content):
        length = struct.unpack_from("<I", content, at + 4)[0]
        yield content[at : at + 4], content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _riff_chunk(part: Part) -> bytes:
    return part[0] + struct.pack("<I", len(part[1])) + part[1] + bytes(len(part[1]) % 2)


def _boxes(content: bytes) -> Iterator[Part]:
    """Yields the boxes of ISO/IEC 14496-12; what is no box is one without a name."""
    at = 0
    while at + 8 <= len(content):
        length = struct.unpack_from(">I", content, at)[0]
        if length < 8 or at + length > len(content):
            break
        yield content[at + 4 : at + 8], content[at + 8 : at + length]
        at += length
    yield b"", content[at:]


def _box(part: Part) -> bytes:
    return part[1] if not part[0] else struct.pack(">I", len(part[1]) + 8) + part[0] + part[1]


def _tiff(content: bytes, rng: random.Random) -> bytes:
    """Changes tag, type, count or value of entries of the first directory (TIFF 6.0, section 2)."""
    data, order = bytearray(content), "<" if content.startswith(b"II") else ">"
    start = struct.unpack_from(f"{order}I", data, 4)[0]
    count = struct.unpack_from(f"{order}H", data, start)[0]
    for _ in range(rng.choice((1, 1, 2, 3))):
        entry = start + 2 + 12 * rng.randrange(max(1, count))
        field = rng.randrange(6)
        if field == 0:
            struct.pack_into(f"{order}H", data, entry, rng.choice((256, 257, 258, 259, 262, 273, 277, 279, 317, 42113)))
        elif field == 1:
            struct.pack_into(f"{order}H", data, entry + 2, rng.choice((0, 1, 2, 3, 4, 5, 7, 12, 16, 99)))
        elif field == 2:
            struct.pack_into(f"{order}I", data, entry + 4, rng.choice(_HUGE) & 0xFFFFFFFF)
        elif field < 5:
            struct.pack_into(f"{order}I", data, entry + 8, rng.choice((*_HUGE, rng.randrange(1 << 16))) & 0xFFFFFFFF)
        else:
            struct.pack_into(f"{order}I", data, start + 2 + 12 * count, rng.choice((start, 0, 8, len(data) - 2)))
    return bytes(data)
