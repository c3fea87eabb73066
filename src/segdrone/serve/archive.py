"""Unpack the photographs and videos of a ZIP archive from anybody, within limits."""

from __future__ import annotations

import errno
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from segdrone.errors import DataError
from segdrone.inference.inputs import VIDEO_SUFFIXES
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.utils.atomic import is_too_long
from segdrone.utils.console import one_line

_CHUNK = 1 << 20  # bytes
_MOST_FILES = 20_000  # in an archive, of any kind
_MOST_DIRECTORY = 64 << 20  # bytes of the list of its files, which zipfile holds in memory
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OverflowError, RuntimeError, ValueError
)  # fmt: skip
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unpack(archive: Path, folder: Path, max_bytes: int) -> int:
    """Unpacks the photographs and videos of an archive.

    Names that leave the folder are refused, as are links, passwords, and two files of one name. Other files, and
    hidden ones, are left out.

    Args:
        archive: The archive.
        folder: Where to unpack it; created.
        max_bytes: Bytes that all files together may have, unpacked.

    Returns:
        Number of photographs and videos.

    Raises:
        DataError: It cannot be unpacked, or has none.
        OSError: The folder cannot be written to.
    """
    try:
        _check_directory(archive)
        with zipfile.ZipFile(archive) as file:
            wanted = dict(_wanted(file))
            if sum(entry.file_size for entry in wanted.values()) > max_bytes:
                raise DataError(_too_large(max_bytes))
            left = max_bytes
            for name, entry in wanted.items():
                left -= _extract(file, entry, folder / name, left, max_bytes)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):  # one name is also that of a folder
        raise DataError("the archive has a file and a folder of one name: rename one") from None
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # that of a seek to a place that cannot be
            raise
        raise DataError(f"the archive is damaged ({one_line(error)}): pack it again") from None
    if not wanted:
        raise DataError(
            f"the archive has no photograph or video ({', '.join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)}): pack some"
        )
    return len(wanted)


def _check_directory(archive: Path) -> None:
    """Checks by the end of an archive that its list of files is short enough to be read."""
    with archive.open("rb") as file:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # has no public name
    if end is None:
        raise zipfile.BadZipFile("it has no list of files")
    if end[zipfile._ECD_SIZE] > _MOST_DIRECTORY or end[zipfile._ECD_ENTRIES_TOTAL] > _MOST_FILES:  # type: ignore[attr-defined]
        raise DataError(f"the archive has more than {_MOST_FILES} files: divide it")


def _wanted(file: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Yields the photographs and videos of an archive with their names, which are safe below a folder."""
    seen: dict[str, str] = {}
    for entry in file.infolist():
        name = entry.filename
        path = PurePosixPath(name)
        if "\\" in name or ":" in name or path.is_absolute() or ".." in path.parts or not name.isprintable():
            raise DataError(
                f"the archive has a file {ascii(name)[1:-1][:80]}, whose name leaves its folder: pack it again"
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise DataError(f"the archive has a link, {ascii(name)[1:-1][:80]}: pack the file itself")
        is_hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
        if entry.is_dir() or is_hidden or path.suffix.lower() not in IMAGE_SUFFIXES + VIDEO_SUFFIXES:
            continue
        if entry.flag_bits & 1:
            raise DataError("the archive has a password: pack it without")
        if entry.compress_type not in _METHODS:
            raise DataError("the archive is compressed in another way than deflate: pack it as plain ZIP")
        if is_too_long(Path("/jobs/xxxxxxxxxxxxxxxxxxxxxx/input") / name):
            raise DataError(
                f"the archive has a file of a name that is too long, {ascii(name)[1:-1][:80]}...: rename it"
            )
        folded = name.casefold()  # one file on the disks of Windows and macOS
        if folded in seen:
            raise DataError(f"the archive has two files {ascii(name)[1:-1][:80]}: rename one")
        seen[folded] = name
        yield name, entry


def _extract(file: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int, max_bytes: int) -> int:
    """Writes a file of an archive, of at most `left` bytes, whatever its header says; returns its bytes."""
    size = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with file.open(entry) as source, target.open("xb") as out:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise DataError(_too_large(max_bytes))
            out.write(chunk)
    return size


def _too_large(max_bytes: int) -> str:
    return f"the archive unpacks to more than {max_bytes / 1e6:.0f} megabytes: divide it"
