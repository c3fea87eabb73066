"""Open files of others: never a pipe or a device, from which reading may wait for ever or have no end."""

from __future__ import annotations

import errno
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def open_regular(path: Path) -> BufferedReader:
    """Opens a regular file, or a link to one, for reading.

    Raises:
        OSError: The file is missing or cannot be read, or is a pipe, a device, a socket or a folder.

    Example:
        >>> open_regular(Path("/dev/null"))
        Traceback (most recent call last):
        OSError: [Errno 22] a device, not a file: '/dev/null'
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"{_KINDS.get(stat.S_IFMT(mode), 'something else')}, not a file", str(path))
    return path.open("rb")
