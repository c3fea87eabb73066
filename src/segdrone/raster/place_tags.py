"""Keep where a photograph was taken, or lies, in the files that are made of it."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.header import open_file, read_header
from segdrone.utils.atomic import atomic_write
from segdrone.utils.regular_file import open_regular

log = logging.getLogger(__name__)

_GPS = 0x8825  # EXIF tag of the block of positions
_HEADER = 33  # bytes of a PNG before the chunks that may follow its header
_LARGEST = 4096  # bytes of a world file: six numbers
_PARTS = 6


def gps_block(path: Path) -> bytes:
    """Returns the position in the EXIF data of a photograph, as EXIF data of nothing else; empty if there is none."""
    try:
        with open_file(path) as image:
            if image.format == "PNG" and "exif" not in image.info:
                return b""  # Pillow would decode the whole file to find EXIF data behind the pixels
            position = image.getexif().get_ifd(_GPS)
            if not position:
                return b""
            kept = Image.Exif()
            kept[_GPS] = dict(position)
            return kept.tobytes().removeprefix(b"Exif\0\0")
    except Exception:  # Pillow raises many types on broken EXIF data, of photographs that are otherwise fine
        return b""


def add_exif(png: bytes, exif: bytes) -> bytes:
    """Returns the content of a PNG with EXIF data, in a chunk `eXIf` (PNG 1.5 extensions, 3.7)."""
    if not exif:
        return png
    chunk = b"eXIf" + exif
    return png[:_HEADER] + struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[_HEADER:]


def copy_world_file(photograph: Path, mask: Path) -> bool:
    """Copies the world file of a photograph, if it has one, beside its mask, which is a PNG of the same size.

    One of a photograph that is turned by its EXIF orientation is not copied, which is said: it places the pixels as
    they are stored, and the mask has them upright.

    Returns:
        Whether there is one: `NAME.jgw`, `NAME.jpgw` or `NAME.wld`, with six numbers.

    Raises:
        OSError: It cannot be written.
    """
    suffix = photograph.suffix
    ends = (f"{suffix[:2]}{suffix[-1]}w", f"{suffix}w", ".wld")
    cases = [case for end in ends for case in (end.lower(), end.upper())]
    found = next((file for case in cases if (file := photograph.with_suffix(case)).is_file()), None)
    if found is None:
        return False
    try:
        with open_regular(found) as opened:
            text = opened.read(_LARGEST).decode("ascii")
        numbers = [float(part) for part in text.split()]
    except (OSError, ValueError):
        return False
    if len(numbers) != _PARTS:
        return False
    if _is_turned(photograph):
        log.warning(
            "%s places the pixels as they are stored, and its mask is turned upright: it gets no world file; turn the "
            "photograph itself, and its world file, first", found,
        )  # fmt: skip
        return False
    with atomic_write(mask.with_suffix(".pgw"), sync=False) as partial:
        partial.write_text(text, encoding="ascii", newline="")
    return True


def _is_turned(photograph: Path) -> bool:
    try:
        return read_header(photograph).orientation in range(2, 9)
    except DataError:
        return False
