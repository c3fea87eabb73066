"""Tell what a file is that is no JPEG, PNG, TIFF or WebP, and what to do with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from segdrone.errors import shorten_list
from segdrone.utils.regular_file import open_regular

_START = 4096  # bytes

_TO_PNG = "convert it to PNG or JPEG (magick {name} {stem}.png)"
RAW_REMEDY = "develop it to JPEG or 8-bit TIFF first (darktable-cli {name} {stem}.jpg, or the camera maker's program)"
_FRAMES = (
    "give it the suffix of a video, such as .mp4, and predict it by `segdrone predict`, "
    "or take frames (ffmpeg -i {name} -r 1 {stem}_%04d.jpg)"
)
_HEIC = "convert it to JPEG (heif-convert {name} {stem}.jpg), or set the camera to JPEG"
_UNPACK = "unpack it"
_REPLACE = "replace or remove it"


class FileKind(NamedTuple):
    """What a file is.

    Attributes:
        name: What it is, with its article, such as `a HEIC photograph`.
        remedy: What to do with it.
    """

    name: str
    remedy: str


_NOT_KNOWN = FileKind("not an image (JPEG, PNG, TIFF or WebP) despite its name", _REPLACE)
_HEIC_KIND = FileKind("a HEIC photograph", _HEIC)
_RAW_KIND = FileKind("a raw file of a camera", RAW_REMEDY)
_VIDEO = FileKind("a video", _FRAMES)

_BRANDS = {  # of ISO media files, at byte 8
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), _HEIC_KIND),
    **dict.fromkeys((b"avif", b"avis"), FileKind("an AVIF photograph", _TO_PNG)),
    b"crx ": FileKind("a raw file of a Canon camera (CR3)", RAW_REMEDY),
}

_MAGIC: tuple[tuple[int, bytes, FileKind], ...] = (  # position, bytes, kind
    (8, b"CR\x02", FileKind("a raw file of a Canon camera (CR2)", RAW_REMEDY)),
    (0, b"IIRO", FileKind("a raw file of an Olympus camera (ORF)", RAW_REMEDY)),
    (0, b"IIRS", FileKind("a raw file of an Olympus camera (ORF)", RAW_REMEDY)),
    (0, b"IIU\0", FileKind("a raw file of a Panasonic camera (RW2)", RAW_REMEDY)),
    (0, b"FUJIFILMCCD-RAW", FileKind("a raw file of a Fujifilm camera (RAF)", RAW_REMEDY)),
    (0, b"\0\0\0\x0cjP  ", FileKind("a JPEG 2000 image", "convert it: gdal_translate {name} {stem}.tif")),
    (0, b"\xff\x4f\xff\x51", FileKind("a JPEG 2000 image", "convert it: gdal_translate {name} {stem}.tif")),
    (0, b"\0\0\0\x0cJXL ", FileKind("a JPEG XL image", _TO_PNG)),
    (0, b"\xff\x0a", FileKind("a JPEG XL image", _TO_PNG)),
    (0, b"BM", FileKind("a BMP image", _TO_PNG)),
    (0, b"GIF8", FileKind("a GIF image", _TO_PNG)),
    (0, b"8BPS", FileKind("a Photoshop document", _TO_PNG)),
    (0, b"\x76\x2f\x31\x01", FileKind("an OpenEXR image", _TO_PNG)),
    (0, b"%PDF", FileKind("a PDF document", _TO_PNG)),
    (0, b"%!PS", FileKind("a PostScript document", _TO_PNG)),
    (0, b"\x1a\x45\xdf\xa3", _VIDEO),
    (4, b"moov", _VIDEO),
    (4, b"mdat", _VIDEO),
    (4, b"wide", _VIDEO),
    (8, b"AVI ", _VIDEO),
    (0, b"PK\x03\x04", FileKind("a ZIP archive", _UNPACK)),
    (0, b"\x1f\x8b", FileKind("a gzip archive", _UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", _UNPACK)),
    (0, b"Rar!", FileKind("a RAR archive", _UNPACK)),
    (0, b"\x89HDF", FileKind("an HDF5 file", "convert it: gdal_translate {name} {stem}.tif")),
    (0, b"CDF", FileKind("a NetCDF file", "convert it: gdal_translate {name} {stem}.tif")),
    (0, b"\x93NUMPY", FileKind("a NumPy array", "save it as an image (PIL.Image.fromarray)")),
    (0, b"version https://git-lfs", FileKind("a pointer of Git LFS, not the file itself", "get it: git lfs pull")),
)

_SUFFIXES = {  # what files of other suffixes are
    "raw photograph": (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".raw", ".srw", ".pef"),
    "HEIC photograph": (".heic", ".heif", ".hif"),
    "video": (".mov", ".mp4", ".avi", ".mkv", ".m4v", ".webm"),
    "video of another format": (".mts", ".lrv", ".insv"),
    "image of another format": (".bmp", ".gif", ".jp2", ".j2k", ".jxl", ".avif", ".ecw", ".sid", ".img", ".psd", ".pgm",
                                ".ppm", ".exr", ".hdr", ".tga", ".svg", ".jfif", ".npy"),
}  # fmt: skip
_REMEDIES = {
    "raw photograph": "develop them to JPEG, e.g. by darktable-cli",
    "HEIC photograph": "convert them to JPEG, e.g. by heif-convert",
    "video": "predict them by `segdrone predict`, or take frames by ffmpeg",
    "video of another format": "convert them to MP4 by ffmpeg, or take frames",
    "image of another format": "convert them to PNG or TIFF, e.g. by magick or gdal_translate",
}


def identify(path: Path) -> FileKind:
    """Returns what a file is by its first bytes; whatever its name says.

    Example:
        >>> identify(Path(__file__)).remedy
        'replace or remove it'
    """
    try:
        with open_regular(path) as file:
            start = file.read(_START)
    except OSError:
        start = b""
    kind = _identify(start, path)
    return FileKind(kind.name, kind.remedy.format(name=path.name, stem=path.stem))


def _identify(start: bytes, path: Path) -> FileKind:
    if not start:
        return FileKind("not an image but empty (0 bytes)", "copy it again or remove it")
    if not start.strip(b"\0"):
        return FileKind("not an image but a file of zeros, such as a failed copy leaves", "copy it again or remove it")
    if start[4:8] == b"ftyp":
        brands = (start[8:12], *(start[i : i + 4] for i in range(16, 64, 4)))
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), _VIDEO)
    for position, magic, kind in _MAGIC:
        if start[position : position + len(magic)] == magic:
            return kind
    if start.lstrip()[:9].lower() in (b"<!doctype", b"<html>") or start.lstrip()[:5].lower() == b"<html":
        return FileKind("a web page, such as a failed download leaves", "download the file itself")
    if path.suffix.lower() in _SUFFIXES["raw photograph"]:
        return _RAW_KIND
    return _NOT_KNOWN


def describe_others(paths: Iterable[Path]) -> list[str]:
    """Describes files that are not read as images because of their suffix, one line for each kind that could be one.

    Example:
        >>> describe_others([Path("a.DNG"), Path("b.dng"), Path("c.mov"), Path("notes.txt")])
        ['2 raw photographs (a.DNG, b.dng): develop them to JPEG, e.g. by darktable-cli', \
'1 video (c.mov): predict them by `segdrone predict`, or take frames by ffmpeg']
    """
    lines, listed = [], [*paths]
    for name, suffixes in _SUFFIXES.items():
        found = [path.name for path in listed if path.suffix.lower() in suffixes]
        if found:
            plural = "" if len(found) == 1 else "s"
            noun = name.replace(" of", f"{plural} of") if " of" in name else name + plural
            lines.append(f"{len(found)} {noun} ({shorten_list(found, 3)}): {_REMEDIES[name]}")
    return lines
