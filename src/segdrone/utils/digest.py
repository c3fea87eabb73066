"""Recognize a changed file: by its content, or without reading it."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segdrone.errors import CheckpointError
from segdrone.utils.regular_file import open_regular

Facts = list[int | str]
"""Size in bytes and SHA-256 of a file."""

MISSING = [0, 0, 0]
"""State of a file that does not exist or cannot be reached."""

_CLOCK_STEP = 12_000_000  # ns; systems count the times of files in steps of up to 10 ms


def file_digest(file: Path) -> str:
    """Returns the SHA-256 of a file, in hex; empty if it cannot be read.

    A JPEG of 24 megapixels (13 MB) takes 12 ms, a twentieth of the time to decode it.
    """
    try:
        with open_regular(file) as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def digest_of_model(*files: Path) -> Iterator[list[str]]:
    """Yields the SHA-256 of each file of a model, which the body reads: a training replaces its checkpoints.

    Raises:
        CheckpointError: One was replaced meanwhile, so that the digest may be of another model than what was read.
    """
    digests = [file_digest(file) for file in files]
    yield digests
    if [file_digest(file) for file in files] != digests:
        raise CheckpointError(f"{files[0]} was replaced while it was read: run the command again")


def measure_file(file: Path) -> Facts:
    """Returns the size and the SHA-256 of a file.

    Raises:
        OSError: It cannot be read.
    """
    size, digest = file.stat().st_size, file_digest(file)
    if not digest:
        raise FileNotFoundError(errno.ENOENT, "it was removed by another program", str(file))
    return [size, digest]


def is_unchanged(file: Path, facts: Any) -> bool:
    """Whether a file has the size and the SHA-256 that `measure_file` returned; the facts may be of any origin."""
    try:
        return isinstance(facts, list) and file.stat().st_size == facts[0] and measure_file(file) == facts
    except (OSError, IndexError):
        return False


def file_state(file: Path) -> list[int]:
    """Returns a file's size in bytes, and its times of modification and change in ns; `MISSING` if it has none.

    Any program can set the time of modification, as `touch` and `rsync` do. The system sets the time of change whenever
    the content, the name or the permissions change. The number of the file is no part of the state, since some network
    file systems give other ones at every mount.

    A file that changed a moment ago could change again without another time: the function waits, up to 12 ms, until a
    further change gives another state.
    """
    try:
        status = file.stat()
    except OSError:
        return MISSING
    while 0 <= time.time_ns() - status.st_ctime_ns < _CLOCK_STEP:
        time.sleep(_CLOCK_STEP / 1e9)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
