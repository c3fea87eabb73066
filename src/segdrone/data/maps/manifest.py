"""`maps.json`: from which files, and with which options, a folder of tiles was cut."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from segdrone.errors import DataError
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.utils.bounded import UnreadableError, read_json, validate

MANIFEST = "maps.json"
VERSION = 1  # increase it whenever the same files and options give other tiles

_KEY = 12  # characters of a digest that name a folder


def key_of(request: dict[str, Any]) -> str:
    """Returns the name of a request: the same for the same content of files and the same options."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_KEY]


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Returns the manifest of a folder of tiles; None if the folder has none.

    Raises:
        DataError: It cannot be read.
    """
    file = folder / MANIFEST
    if not file.is_file():
        return None
    try:
        content = read_json(file)
        if not isinstance(content, dict) or content.get("version") != VERSION:
            raise UnreadableError(f"it is of another version than {VERSION}")
    except UnreadableError as error:
        raise DataError(f"{file} cannot be read ({error}): remove {folder}, and cut the maps again") from None
    return content


def tiles_channels(folder: Path) -> Channels:
    """Returns how the maps were read that the tiles in a folder were cut from; as stored if it was not cut from maps.

    Raises:
        DataError: Its manifest cannot be read.
    """
    try:
        return validate(Channels, (read_manifest(folder) or {})["request"]["options"]["channels"])
    except (KeyError, TypeError, UnreadableError):
        return AS_STORED


def tiles_gsd(folder: Path) -> tuple[float, float] | None:
    """Returns the smallest and the largest meters per pixel of the tiles in a folder; None if it was not cut from maps.

    Raises:
        DataError: Its manifest cannot be read.
    """
    found = (read_manifest(folder) or {}).get("gsd")
    if not isinstance(found, list) or len(found) != 2 or not all(isinstance(value, int | float) for value in found):
        return None
    low, high = map(float, found)
    return (low, high) if 0 < low <= high < math.inf else None
