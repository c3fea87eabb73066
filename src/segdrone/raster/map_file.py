"""Tell which files are maps, and refuse those that would read other files or the network."""

from __future__ import annotations

import struct
from pathlib import Path, PurePosixPath

from segdrone.errors import ConfigError, DataError
from segdrone.raster.file_kind import identify
from segdrone.raster.tiff import TRANSFORMATION_TAGS, read_pages, read_tags
from segdrone.utils.bounded import UnreadableError, read_xml
from segdrone.utils.regular_file import open_regular

MAP_SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".j2k")
"""Suffixes of maps, in lower case. TIFFs may be photographs, too."""

ONLY_MAPS = (".vrt", ".jp2", ".j2k")
"""Those of formats that no camera writes."""
_WORLD_FILES = (".tfw", ".tifw", ".wld")
_REMOTE = ("http://", "https://", "s3://", "gs://", "az://", "/vsi")
_BY_SUFFIX = {".vrt": "VRT", ".jp2": "JP2OpenJPEG", ".j2k": "JP2OpenJPEG"}
_MAGIC = (
    (b"II*\0", "GTiff"), (b"MM\0*", "GTiff"), (b"II+\0", "GTiff"), (b"MM\0+", "GTiff"),
    (b"\0\0\0\x0cjP  ", "JP2OpenJPEG"), (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
    (b"<VRTDataset", "VRT"), (b"<?xml", "VRT"), (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"),
)  # fmt: skip
_MAX_DEPTH = 5  # of VRTs in VRTs
_SOURCES = ("SourceFilename", "SourceDataset", "SourceVRTFilename")


def is_remote(given: str) -> bool:
    """Whether a name is an address of the network, or a path inside GDAL's virtual file systems.

    Example:
        >>> is_remote("https://example.org/ortho.tif"), is_remote("ortho.tif")
        (True, False)
    """
    return given.startswith(_REMOTE)


def is_map(path: Path) -> bool:
    """Whether a file is a map: of a format that no camera writes, or a TIFF that says where it lies on Earth."""
    suffix = path.suffix.lower()
    if suffix not in MAP_SUFFIXES:
        return False
    if suffix in ONLY_MAPS or any(path.with_suffix(end).is_file() for end in _WORLD_FILES):
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


def check_companions(path: Path) -> None:
    """Refuses overviews and masks beside a map that are no TIFF: GDAL would open them by any driver.

    Raises:
        DataError: One of them is something else.
    """
    for suffix in (".ovr", ".msk", ".msk.ovr"):
        beside = path.with_name(path.name + suffix)
        if beside.exists() and map_driver(str(beside)) != "GTiff":
            raise DataError(f"{beside} is no TIFF, as overviews and masks of maps are: remove it")


def check_vrt(path: Path, *, remote: bool = False, depth: int = 0) -> None:
    """Refuses a VRT that reads files outside its own folder, or the network, unless `remote`.

    Raises:
        DataError: It is no XML, or lists itself.
        ConfigError: It reads what lies elsewhere.
    """
    if depth > _MAX_DEPTH:
        raise DataError(f"{path}: VRTs in VRTs, deeper than {_MAX_DEPTH}: give the files themselves")
    try:
        root = read_xml(path)
    except UnreadableError as error:
        raise DataError(f"{path} is not a VRT ({error}): write it again with gdalbuildvrt") from None
    if root.tag != "VRTDataset":
        raise DataError(f"{path} is XML, but no VRT: give a map")
    if remote:
        return
    folder = path.parent.resolve()
    for node in root.iter():
        if node.tag in ("PixelFunctionCode", "VRTProcessedDataset"):
            raise ConfigError(
                f"{path} computes its pixels by a program: write them with gdal_translate, and give those"
            )
        if node.tag not in _SOURCES:
            continue
        name = (node.text or "").strip()
        source = (path.parent / name).resolve()
        if is_remote(name) or name.startswith("<") or not source.is_relative_to(folder):
            raise ConfigError(
                f"{path} reads {name[:200]}, which is not below its own folder: give --remote if you trust the file"
            )
        if source.suffix.lower() == ".vrt":
            check_vrt(source, depth=depth + 1)
