"""Tell which files are maps, and by which driver they are read."""

from __future__ import annotations

import struct
from pathlib import Path, PurePosixPath

from segdrone.errors import DataError
from segdrone.raster.file_kind import identify
from segdrone.raster.map_address import is_remote
from segdrone.raster.tiff import TRANSFORMATION_TAGS, read_pages, read_tags
from segdrone.utils.regular_file import open_regular

MAP_SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".j2k")
"""Suffixes of maps, in lower case. TIFFs may be photographs, too."""

ONLY_MAPS = (".vrt", ".jp2", ".j2k")
"""Those of formats that no camera writes."""
_WORLD_FILES = (".tfw", ".tifw", ".wld")
_BY_SUFFIX = {".vrt": "VRT", ".jp2": "JP2OpenJPEG", ".j2k": "JP2OpenJPEG"}
_MAGIC = (
    (b"II*\0", "GTiff"), (b"MM\0*", "GTiff"), (b"II+\0", "GTiff"), (b"MM\0+", "GTiff"),
    (b"\0\0\0\x0cjP  ", "JP2OpenJPEG"), (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
    (b"<VRTDataset", "VRT"), (b"<?xml", "VRT"), (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"),
)  # fmt: skip


def is_map(path: Path) -> bool:
    """Whether a file is a map: of a format that no camera writes, or a TIFF that says where it lies on Earth."""
    suffix = path.suffix.lower()
    if suffix not in MAP_SUFFIXES:
        return False
    if suffix in ONLY_MAPS:
        return True
    if any(path.with_suffix(case).is_file() for end in _WORLD_FILES for case in (end, end.upper())):
        return True
    pages = read_pages(path)
    if not pages:
        return False
    try:
        with open_regular(path) as file:
            return bool(read_tags(file, pages[0], TRANSFORMATION_TAGS))
    except (OSError, ValueError, struct.error):
        return False


def map_driver(path: str) -> str:
    """Returns the name of the GDAL driver for a file, by its first bytes; for an address, by its suffix.

    Raises:
        DataError: The file is of another kind.
    """
    if is_remote(path):
        return _BY_SUFFIX.get(PurePosixPath(path.split("?")[0]).suffix.lower(), "GTiff")
    try:
        with open_regular(Path(path)) as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None
    for magic, driver in _MAGIC:
        if start.lstrip(b"\xef\xbb\xbf \r\n").startswith(magic):
            return driver
    kind = identify(Path(path))
    raise DataError(f"{path} is {kind.name}: {kind.remedy}")
