"""The folder in which uploads and answers are kept while their requests run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import filelock

from segdrone.errors import ConfigError
from segdrone.utils.atomic import check_writable

_PREFIX = "segdrone-serve-"
_LOCK = "lock"


@contextmanager
def open_spool(parent: Path | None) -> Iterator[Path]:
    """Yields a new private folder, which is removed at the end with all that is in it.

    What killed services have left beside it is removed first.

    Args:
        parent: Where to make it; created if needed. None is the system's folder for temporary files.

    Raises:
        ConfigError: The folder cannot be written to.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    with ExitStack() as stack:
        try:
            check_writable(place)
            _remove_stale(place)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.enter_context(filelock.FileLock(folder / _LOCK))
        except OSError as error:
            raise ConfigError(
                f"{place} cannot be written to ({error.strerror or error}): free some space, or give another --spool"
            ) from None
        yield folder


def _remove_stale(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user, or of a service that runs
            if (folder / _LOCK).is_file():
                with filelock.FileLock(folder / _LOCK, timeout=0):
                    shutil.rmtree(folder)
