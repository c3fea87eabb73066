"""Find the folder of the cache."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from segdrone.errors import DataError


def cache_folder() -> Path:
    """Returns the folder for what can be made again: `$SEGDRONE_CACHE`, else the user's cache folder of the system.

    Raises:
        DataError: The user has no home folder, as in some containers.
    """
    if chosen := os.environ.get("SEGDRONE_CACHE"):
        return Path(chosen).absolute()
    try:
        return platformdirs.user_cache_path("segdrone").absolute()
    except RuntimeError:
        raise DataError(
            "there is no home folder for the cache: set SEGDRONE_CACHE=FOLDER, or give data.cache_dir=FOLDER or "
            "data.cache=none"
        ) from None
