"""Files that are no JPEG, PNG, TIFF or WebP are called what they are, whatever their suffix."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from segdrone.raster.file_kind import describe_others, identify
from segdrone.raster.header import read_header
from tests.helpers.image_files import image_error


@pytest.mark.parametrize(
    ("start", "name", "remedy"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photograph", "heif-convert a.jpg a.jpg"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC photograph", "convert it to JPEG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmif1", "AVIF|HEIC", "convert it"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "an AVIF photograph", "convert it to PNG"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "a raw file of a Canon camera (CR3)", "develop it to JPEG"),
        (b"II*\0\x10\0\0\0CR\x02\0", "a raw file of a Canon camera (CR2)", "develop it"),
        (b"FUJIFILMCCD-RAW 0201", "a raw file of a Fujifilm camera (RAF)", "develop it"),
        (b"IIRS\x08\0\0\0", "a raw file of an Olympus camera (ORF)", "develop it"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "a video", "give it the suffix of a video"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", "a video", "ffmpeg -i a.jpg"),
        (b"RIFF\x24\0\0\0AVI LIST", "a video", "frames"),
        (b"\x1aE\xdf\xa3\x93B\x82", "a video", "frames"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image", "gdal_translate a.jpg a.tif"),
        (b"BM\x36\x10\0\0", "a BMP image", "magick a.jpg a.png"),
        (b"GIF89a\1\0\1\0", "a GIF image", "magick"),
        (b"8BPS\0\1", "a Photoshop document", "convert"),
        (b"%PDF-1.7\n", "a PDF document", "convert"),
        (b"PK\x03\x04\x14\0", "a ZIP archive", "unpack it"),
        (b"<!DOCTYPE html><html>", "a web page", "download the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS", "git lfs pull"),
        (b"\x93NUMPY\1\0", "a NumPy array", "save it as an image"),
        (bytes(500), "a file of zeros", "copy it again"),
        (b"", "empty (0 bytes)", "copy it again"),
        (b"once upon a time", "not an image (JPEG, PNG, TIFF or WebP) despite its name", "replace or remove it"),
    ],
)  # fmt: skip
def test_a_file_is_told_by_its_first_bytes(tmp_path: Path, start: bytes, name: str, remedy: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(start + (b" more of it" if start.strip(b"\0") else b""))
    text = image_error(path)
    assert any(part in text for part in name.split("|"))
    assert remedy in text
    assert ("is not an image" in text) == (name.startswith(("not an", "empty", "a file of zeros")))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_a_real_format_needs_no_right_suffix(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").rename(tmp_path / "a.jpg")
    assert read_header(tmp_path / "a.jpg").size == (4, 5)


def test_a_real_bmp_is_called_one(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "a.bmp")
    assert identify(tmp_path / "a.bmp").name == "a BMP image"


def test_other_files_are_described_by_kind() -> None:
    names = ["DJI_1.MOV", "DJI_2.mp4", "a.dng", "b.NEF", "c.heic", "d.bmp", "Thumbs.db", "notes.txt", "e.DNG", "f.arw"]
    lines = describe_others(map(Path, [*names, "g.MTS"]))
    assert lines == [
        "4 raw photographs (a.dng, b.NEF, e.DNG and 1 more): develop them to JPEG, e.g. by darktable-cli",
        "1 HEIC photograph (c.heic): convert them to JPEG, e.g. by heif-convert",
        "2 videos (DJI_1.MOV, DJI_2.mp4): predict them by `segdrone predict`, or take frames by ffmpeg",
        "1 video of another format (g.MTS): convert them to MP4 by ffmpeg, or take frames",  # predict does not read it
        "1 image of another format (d.bmp): convert them to PNG or TIFF, e.g. by magick or gdal_translate",
    ]
    assert describe_others([Path("notes.txt")]) == []
