"""Tell addresses of maps from paths, and show them without passwords and keys."""

from __future__ import annotations

import re

_REMOTE = ("http://", "https://", "s3://", "gs://", "az://", "/vsi")
_USER = re.compile(r"(?<=://)[^/@\s]*@")
_QUERY = re.compile(r"[?][^\s'\"]*")


def is_remote(given: str) -> bool:
    """Whether a name is an address of the network, or a path inside GDAL's virtual file systems.

    Example:
        >>> is_remote("https://example.org/ortho.tif"), is_remote("ortho.tif")
        (True, False)
    """
    return given.startswith(_REMOTE)


def shown_address(given: str) -> str:
    """Returns an address without passwords and keys, for messages and records; a path as it is.

    Example:
        >>> shown_address("https://me:secret@example.org/ortho.tif?token=secret")
        'https://example.org/ortho.tif?...'
    """
    return without_keys(given) if is_remote(given) else given


def without_keys(text: str) -> str:
    """Returns a text without the passwords and keys of the addresses in it."""
    return _QUERY.sub("?...", _USER.sub("", text))
